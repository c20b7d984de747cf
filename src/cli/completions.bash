# bash completion for panescry: panescry completions bash

@tables@
# What has been typed up to the cursor: bash takes words apart at : and =, too.
_panescry_split() {
	local line=${COMP_LINE:0:COMP_POINT} rest word i
	words=()
	for ((i = 0; i <= COMP_CWORD; i++)); do
		rest=${line#"${line%%[![:space:]]*}"}
		word=$rest
		((i == COMP_CWORD)) || word=${COMP_WORDS[i]}
		if ((i > 0)) && [[ $rest == "$line" ]]; then
			words[${#words[@]} - 1]+=$word
		else
			words+=("$word")
			starts+=("$i")
		fi
		line=${rest#"$word"}
	done
}

# Where the cursor is: kind of the word there, or `options`; `cur` is what there is of it, behind
# an option's name in `before`; `start` is where another program's command line begins.
_panescry_place() {
	local i word ended='' value='' n=0 verb='' last=$((${#words[@]} - 1))
	cur=${words[last]} before='' start=$last
	kind=options
	((last > 1)) || return
	for ((i = 2; i < last; i++)); do
		word=${words[i]} kind=''
		if [[ -n $value ]]; then
			value=''
		elif [[ -z $ended && $word == -- ]]; then
			ended=1
		elif [[ -z $ended && $word == -?* ]]; then
			_panescry_value "${words[1]}" "$word"
			value=$kind
		else
			_panescry_operand "${words[1]}" "$n" "$verb"
			[[ $kind != commands ]] || { start=$i && return; }
			((n++)) || verb=$word
		fi
	done
	kind=$value
	if [[ -z $value && -z $ended && $cur == --*=* ]]; then
		before=${cur%%=*}=
		_panescry_value "${words[1]}" "${cur%%=*}"
		cur=${cur#*=}
	elif [[ -z $value && -z $ended && $cur == -* ]]; then
		kind=options
	elif [[ -z $value ]]; then
		_panescry_operand "${words[1]}" "$n" "$verb"
	fi
}

# What begins with `cur`, without the part that bash took apart. Nothing in it is expanded.
_panescry_offer() {
	local breaks=${COMP_WORDBREAKS//[^:=]/} item cut=''
	[[ -z $breaks ]] || cut=$before$cur cut=${cut%"${cut##*["$breaks"]}"}
	for item in "$@"; do
		item=${item%%$'\t'*}
		[[ $item == "$cur"* ]] || continue
		printf -v item '%s%q' "$before" "$item"
		COMPREPLY+=("${item#"$cut"}")
	done
}

_panescry_lines() {
	local line
	while IFS= read -r line; do
		list+=("$line")
	done
}

_panescry() {
	local words=() starts=() list=() kind='' cur='' before='' start=0
	COMPREPLY=()
	_panescry_split
	_panescry_place
	case $kind in
	options)
		if ((${#words[@]} < 3)); then
			_panescry_options ''
		else
			_panescry_options "${words[1]}"
		fi
		;;
	words\ *) read -r -a list <<<"${kind#words }" ;;
	files) compopt -o default 2>/dev/null ;;
	dirs) compopt -o dirnames 2>/dev/null ;;
	commands)
		if ((start < ${#words[@]} - 1)); then
			if declare -F _command_offset >/dev/null; then
				_command_offset "${starts[start]}"
			else
				compopt -o default 2>/dev/null
			fi
			return
		fi
		_panescry_lines < <(compgen -c -- "$cur")
		;;
	'' | none) ;;
	*) _panescry_lines < <("${words[0]/#\~/$HOME}" completions "$kind" 2>/dev/null) ;;
	esac
	_panescry_offer "${list[@]}"
}

complete -F _panescry panescry
