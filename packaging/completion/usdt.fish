# usdt.fish - which words can follow in a command line of usdt, in fish?
#
# The command's own help and list say it, so these are the words of the installed
# version.
#
# SPDX-License-Identifier: BSD-2-Clause

function __usdt_command
    commandline -opc | sed -n 2p
end

function __usdt_commands
    usdt --help 2>/dev/null | string replace -rf '^  ([a-z]+)  +(.*)' '$1\t$2'
end

function __usdt_options
    usdt (__usdt_command) --help 2>/dev/null | awk '/^ +-/ {
        for (i = 1; $i ~ /^-/; i++) {
            sub(/,$/, "", $i); sub(/=.*/, "=", $i); print $i } }'
end

function __usdt_processes
    usdt list -l 2>/dev/null | awk -F '\t' '$1 != "-" { print $1 "\t" $2 }' |
        sort -u
end

function __usdt_probes
    usdt list -l 2>/dev/null | awk -F '\t' '{ print $3 ":" $6 }' | sort -u
end

function __usdt_takes_files
    contains -- (__usdt_command) dump header clean doctor
end

function __usdt_takes_commands
    __fish_is_first_arg; or contains -- (__usdt_command) help
end

function __usdt_after_p
    test (commandline -opc)[-1] = -p
end

function __usdt_after_c
    test (commandline -opc)[-1] = -c
end

complete -c usdt -f
complete -c usdt -n '__usdt_takes_commands' -a '(__usdt_commands)'
complete -c usdt -n 'not __usdt_takes_commands; and __usdt_after_p' -a '(__usdt_processes)'
complete -c usdt -n 'not __usdt_takes_commands; and string match -q -- "-*" (commandline -ct)' -a '(__usdt_options)'
complete -c usdt -n 'not __usdt_takes_commands; and __usdt_after_c' -a '(complete -C (commandline -ct))'
complete -c usdt -n 'not __usdt_takes_commands; and not __usdt_takes_files; and not __usdt_after_p; and not __usdt_after_c' -a '(__usdt_probes)'
complete -c usdt -n 'not __usdt_takes_commands; and __usdt_takes_files' -F
