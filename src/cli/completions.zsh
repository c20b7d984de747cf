#compdef panescry
# zsh completion for panescry: panescry completions zsh

@tables@
# Where the cursor is: kind of the word there, or `options`; `behind` is set when it is behind an
# option's =; `start` is where another program's command line begins.
_panescry_place() {
	local word ended='' value='' verb=''
	integer i n=0
	start=$CURRENT kind=options
	(( CURRENT > 2 )) || return
	for (( i = 3; i < CURRENT; i++ )); do
		word=${(Q)words[i]} kind=''
		if [[ -n $value ]]; then
			value=''
		elif [[ -z $ended && $word == -- ]]; then
			ended=1
		elif [[ -z $ended && $word == -?* ]]; then
			_panescry_value "$words[2]" "$word"
			value=$kind
		else
			_panescry_operand "$words[2]" $n "$verb"
			[[ $kind != commands ]] || { start=$i; return }
			(( n++ )) || verb=$word
		fi
	done
	kind=$value
	if [[ -z $value && -z $ended && $PREFIX == --*=* ]]; then
		_panescry_value "$words[2]" "${PREFIX%%=*}"
		behind=1
	elif [[ -z $value && -z $ended && $PREFIX == -* ]]; then
		kind=options
	elif [[ -z $value ]]; then
		_panescry_operand "$words[2]" $n "$verb"
	fi
}

_panescry() {
	local -a list
	local kind='' behind=''
	integer start=0
	_panescry_place
	# Not there: what a function makes of the word is forgotten when it returns.
	[[ -z $behind ]] || compset -P '*='
	case $kind in
	(options)
		if (( CURRENT < 3 )); then
			_panescry_options ''
		else
			_panescry_options "$words[2]"
		fi
		;;
	(words *) list=(${=kind#words }) ;;
	(files) _files; return ;;
	(dirs) _files -/; return ;;
	(commands)
		if (( start < CURRENT )); then
			shift $(( start - 1 )) words
			(( CURRENT -= start - 1 ))
			_normal
		else
			_command_names -e
		fi
		return
		;;
	(''|none) return 1 ;;
	(*) list=("${(@f)$("${~${(Q)words[1]}}" completions $kind 2>/dev/null)}") ;;
	esac
	# An empty answer is one empty line.
	list=(${list:#})
	local -a found shown
	local item
	for item in $list; do
		found+=("${item%%$'\t'*}")
		shown+=("${item//$'\t'/  -- }")
	done
	compadd -l -d shown -a found
}

if [[ $funcstack[1] == _panescry ]]; then
	_panescry "$@"
else
	compdef _panescry panescry
fi
