# usdt.bash - which words can follow in a command line of usdt?
#
# The command's own help and list say it, so these are the words of the installed
# version.
#
# SPDX-License-Identifier: BSD-2-Clause

_usdt()
{
	local usdt=$1 current=$2 previous=$3 words line=${COMP_LINE:0:COMP_POINT}

	COMPREPLY=()
	if ((COMP_CWORD == 1)) || [[ ${COMP_WORDS[1]} == help ]]; then
		words=$("$usdt" --help 2>/dev/null |
		    sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p')
		COMPREPLY=($(compgen -W "$words" -- "$current"))
		return
	fi
	if [[ $previous == -p ]]; then
		words=$("$usdt" list -l 2>/dev/null | cut -f1 | grep -v -- - |
		    sort -u)
		COMPREPLY=($(compgen -W "$words" -- "$current"))
		return
	fi
	if [[ $previous == -c ]]; then
		COMPREPLY=($(compgen -c -- "$current"))
		return
	fi
	if [[ $current == -* ]]; then
		words=$("$usdt" "${COMP_WORDS[1]}" --help 2>/dev/null |
		    awk '/^ +-/ { for (i = 1; $i ~ /^-/; i++) {
			sub(/,$/, "", $i); sub(/=.*/, "=", $i); print $i } }')
		COMPREPLY=($(compgen -W "$words" -- "$current"))
		[[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace
		return
	fi
	case ${COMP_WORDS[1]} in
	dump | header | clean | doctor)
		COMPREPLY=($(compgen -f -- "$current"))
		return ;;
	esac
	# readline takes ':' for the end of a word.
	current=${line##*[[:blank:]\'\"]}
	words=$("$usdt" list -l 2>/dev/null | awk -F '\t' '{ print $3 ":" $6 }' |
	    sort -u)
	COMPREPLY=($(compgen -W "$words" -- "$current"))
	if [[ $COMP_WORDBREAKS == *:* && $current == *:* ]]; then
		COMPREPLY=("${COMPREPLY[@]#"${current%:*}:"}")
	fi
}

complete -F _usdt usdt
