# SPDX-License-Identifier: BSD-2-Clause
"""What does a probe of the package for Python cost?

    python3 python.py ROUNDS TIMES

PYTHONPATH has the package, and python_empty.c as it was compiled.
Prints "WHAT NUMBER..." for each statement: of each round its nanoseconds of
processor time, without the loop's.  All statements take turns in each round.
"""

import sys
import tracemalloc
from itertools import repeat
from time import process_time_ns

import python_empty
import usdt

STATEMENTS = {
    "empty": "empty.call()",
    "empty2": "empty.call(1, text)",
    "if": "if probe: pass",
    "fire": "probe.fire(1, text)",
    "lazy": "probe.lazy(function)",
    "lambda": "probe.lazy(lambda: (1, text))",
    "method": "python.method()",
    "span": "spanned()",
}


def loop(statement):
    """A function that has the statement in a loop, with all names local."""
    names = "empty, probe, text, function, python, spanned"
    space = {"repeat": repeat}
    exec(f"def run({names}, times):\n"
         f"    for _ in repeat(None, times):\n        {statement}\n", space)
    return space["run"]


def allocated(run, names):
    """The most bytes that a loop has allocated at once, its own included."""
    tracemalloc.start()
    run(*names, 1000)
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[1]
    run(*names, 1000)
    most = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    return most


class Python:
    def method(self):
        pass


def main():
    rounds, times = map(int, sys.argv[1:])
    provider = usdt.Provider("pybench")
    probe = provider.probe("p1", "int", "char *")
    spanned = provider.span("span")(lambda: None)
    provider.enable()
    names = (python_empty.Empty(), probe, "text", lambda: (1, "text"), Python(),
             spanned)
    loops = {what: loop(statement) for what, statement in STATEMENTS.items()}
    loops["loop"] = loop("pass")
    taken = {what: [] for what in loops}
    for run in loops.values():
        run(*names, times)
    for _ in range(rounds):
        for what, run in loops.items():
            begin = process_time_ns()
            run(*names, times)
            taken[what].append((process_time_ns() - begin) / times)
    for what in STATEMENTS:
        print(what, *(f"{ns - bare:.3f}" for ns, bare
                      in zip(taken[what], taken["loop"])))
    for what in "if", "fire":
        print(what + "-bytes", allocated(loops[what], names)
              - allocated(loops["loop"], names))


main()
