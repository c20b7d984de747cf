# fish completion for panescry: panescry completions fish

@tables@
# Where the cursor is: the kind of the word there, or `options`; for `commands` also what there is
# already of that command line.
function _panescry_place
	set -l words (commandline -opc)
	set -l cur (commandline -ct)
	set -l ended ''
	set -l value ''
	set -l verb ''
	set -l n 0
	if test (count $words) -lt 2
		echo options
		return
	end
	set -l command $words[2]
	set -e words[1..2]
	while set -q words[1]
		if test -n "$value"
			set value ''
		else if test -z "$ended" -a "$words[1]" = --
			set ended 1
		else if test -z "$ended"; and string match -q -- '-?*' $words[1]
			set value (_panescry_value $command $words[1])
		else
			set -l kind (_panescry_operand $command $n $verb)
			if test "$kind" = commands
				echo commands
				string join \n -- $words
				return
			end
			test $n -gt 0; or set verb $words[1]
			set n (math $n + 1)
		end
		set -e words[1]
	end
	if test -n "$value"
		echo $value
	else if test -z "$ended"; and string match -q -- '--*=*' $cur
		_panescry_value $command (string replace -r '=.*' '' -- $cur)
	else if test -z "$ended"; and string match -q -- '-*' $cur
		echo options
	else
		_panescry_operand $command $n $verb
	end
end

# What begins with the word at the cursor; `--name=` before each where that is part of the word.
function _panescry
	set -l words (commandline -opc)
	set -l place (_panescry_place)
	set -l cur (commandline -ct)
	set -l before (string match -r -- '^--[^=]*=' $cur; or echo)
	set cur (string replace -r -- '^--[^=]*=' '' $cur)
	switch "$place[1]"
		case options
			_panescry_options "$words[2]"
		case 'words *'
			printf '%s\n' $before(string split ' ' -- $place[1])[2..-1]
		case files
			printf '%s\n' $before(__fish_complete_path $cur)
		case dirs
			printf '%s\n' $before(__fish_complete_directories $cur)
		case commands
			complete -C (string join ' ' -- (string escape -- $place[2..-1]) $cur)
		case '' none
		case '*'
			printf '%s\n' $before(command $words[1] completions $place[1] 2>/dev/null)
	end
end

complete -c panescry -f -a '(_panescry)'
