#!/bin/sh
# demo.sh - create probes at run time and trace them, with only the `usdt`
# command and the kernel.  `make demo` calls it with the directory of the build.
#
# SPDX-License-Identifier: BSD-2-Clause
set -u
build=${1:-.}

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n== %s\n' "$*"; }

out=$(mktemp) || exit 1
program=
trap '[ -z "$program" ] || kill $program 2>/dev/null; rm -f "$out"' EXIT
trap 'exit 130' INT TERM

say "1. A program starts and declares provider \"demo\". It prints only its pid:"
"$build/examples/demo" 600 >"$out" &
program=$!
while [ ! -s "$out" ] && kill -0 $program 2>/dev/null; do sleep 0.1; done
pid=$(cat "$out")
[ -n "$pid" ] || { echo "demo: the program did not start" >&2; exit 1; }
echo "pid $pid"

say "2. What it declared, as tracers see it (usdt list -p $pid):"
"$build/usdt" list -p "$pid" || exit 1

say "3. Eight events, recorded by the kernel (usdt watch -n 8 'demo:*'):"
"$build/usdt" watch -p "$pid" -n 8 'demo:*' || exit 1

build=$(cd "$build" && pwd) || exit 1
say "That is all. For the commands of tracers that you have, paste these lines:"
cat <<END
    PATH="$build:\$PATH"
    "$build/examples/demo" 600 &
    until usdt list -p \$! 2>/dev/null | grep -q demo; do sleep 1; done
    usdt list -p \$!
END
