#!/bin/sh
# panescry for tmux: a search over all panes in a popup, watches, numbers in the status line.
# In tmux.conf: run-shell /usr/share/panescry/panescry.tmux
# What can be set is in panescry-tmux(7).
#
# Without arguments it sets everything up. With one it is what a key or a watch runs: then it
# looks up options anew. What people type and what panes print reaches commands by way of
# tmux's options and environment, never as a part of a command line.
set -u
dir=$(cd "$(dirname "$0")" && pwd -P) || exit 1
self=$dir/${0##*/}
# The path of the server's socket; behind it in TMUX are a process id and a session.
socket=${TMUX:-}
socket=${socket%,*,*}

# -u: tmux would print an underscore for each character that is not ASCII.
tm() {
	if [ -n "$socket" ]; then
		tmux -u -S "$socket" "$@"
	else
		tmux -u "$@"
	fi
}

# option NAME DEFAULT: an option that is set to nothing is nothing.
option() {
	if [ -n "$(tm show-options -gq "$1")" ]; then
		tm show-options -gqv "$1"
	else
		printf '%s\n' "$2"
	fi
}

# People's clients: the daemon has one in control mode.
clients() {
	tm list-clients -F '#{?client_control_mode,,#{client_name}}' 2>/dev/null | sed '/^$/d'
}

# tell TEXT [CLIENT]: a message, at all clients or one; when there is none yet, at the first
# that comes. The space keeps tmux from taking a last ; for the end of its command.
tell() {
	set -- "panescry: $1 " "${2:-$(clients)}"
	if [ -z "$2" ]; then
		tm set-option -gq @panescry-message "$1" ';' set-hook -g 'client-attached[7263]' \
			"if-shell -F '#{?client_control_mode,,1}' { display-message -d 5000 '#{@panescry-message}' ; set-hook -gu 'client-attached[7263]' }"
		return
	fi
	printf '%s\n' "$2" | while IFS= read -r client; do
		tm set-option -gq @panescry-message "$1" ';' \
			display-message -c "$client" -d 5000 '#{@panescry-message}' 2>/dev/null && continue
		# 3.2 has no argument of -c.
		tm set-option -gq @panescry-message "$1" ';' \
			display-message -d 5000 '#{@panescry-message}'
	done
}

# The program: as it was set, in PATH, or where this file is in a source tree or installed.
find_program() {
	program=$(option @panescry-command '')
	# shellcheck disable=SC2088 # tmux leaves a quoted tilde as it is
	case $program in
	'~/'*) program=${HOME:-}/${program#??} ;;
	esac
	if [ -n "$program" ]; then
		program=$(command -v -- "$program") && [ -x "$program" ] && return
		tell 'the program that @panescry-command names is not there'
		return 1
	fi
	program=$(command -v panescry) && return
	for program in "$dir/panescry" "$dir/build/panescry" "$dir/../../panescry" \
		"$dir/../../build/panescry" "$dir/../../bin/panescry"; do
		[ -f "$program" ] && [ -x "$program" ] && return
	done
	tell 'the program panescry is not there; set @panescry-command'
	return 1
}

# Popups that run a program came with 3.2. A version without a number is a newer one.
check_version() {
	version=$(tm display-message -p '#{version}')
	number=$(printf '%s\n' "$version" | sed -n 's/^[^0-9]*\([0-9][0-9]*\)\.\([0-9][0-9]*\).*/\1 \2/p')
	case $version in
	openbsd*) return 0 ;;
	esac
	[ -n "$number" ] || return 0
	# shellcheck disable=SC2086 # two numbers
	set -- $number
	[ "$1" -gt 3 ] || { [ "$1" -eq 3 ] && [ "$2" -ge 2 ]; } && return 0
	tm display-message "panescry: tmux 3.2 or later is needed; this one is $version"
	return 1
}

answers() {
	"$program" status >/dev/null 2>&1
	[ $? -ne 3 ]
}

start_daemon() {
	answers && return
	said=$(
		unset TMUX TMUX_PANE
		"$program" serve --tmux-socket "$socket" 2>&1 >/dev/null </dev/null
	) && return
	answers && return # somebody else was faster
	tell "the daemon does not start: ${said#panescry: }"
	return 1
}

# sh_quote TEXT: one word for sh.
sh_quote() {
	printf '%s\n' "$1" | sed -e "s/'/'\\\\''/g" -e "1s/^/'/" -e "\$s/\$/'/"
}

# quote TEXT: the same in a text that tmux first takes for a format: # and % mean something
# there, but in #[style].
quote() {
	sh_quote "$1" | sed -e 's/#/##/g' -e 's/##\[/#[/g' -e 's/%/%%/g'
}

# balanced TEXT: tmux finds the end of #(...) by counting.
balanced() {
	printf '%s\n' "$1" | awk '
	{
		for (i = 1; i <= length($0); i++) {
			c = substr($0, i, 1)
			n += (c == "(") - (c == ")")
			if (n < 0) exit
		}
	}
	END { exit n != 0 }'
}

# Puts the command into status-left or status-right in place of #{panescry}.
set_status() {
	mark='#{panescry}'
	for name in status-left status-right; do
		value=$(tm show-options -gqv "$name")
		case $value in
		*"$mark"*) ;;
		*) continue ;;
		esac
		command="#($(quote "$program") status"
		format=$(option @panescry-format '')
		if [ -n "$format" ] && balanced "$format"; then
			command="$command --format $(quote "$format")"
		elif [ -n "$format" ]; then
			tell 'parentheses in @panescry-format must come in pairs'
		fi
		new=
		while :; do
			case $value in
			*"$mark"*)
				new="$new${value%%"$mark"*}$command)"
				value=${value#*"$mark"}
				;;
			*) break ;;
			esac
		done
		tm set-option -gq "$name" "$new$value"
	done
}

# bind OPTION DEFAULT VERB NOTE
bind() {
	key=$(option "$1" "$2")
	case $key in
	'') return ;;
	*';') key="${key%;}\\;" ;;
	esac
	tm bind-key -N "$4" -T prefix "$key" run-shell -b \
		"#{q:@panescry-script} $3 #{q:client_name} #{q:pane_id}" ||
		tell "$1: there is no key $key"
}

set_up() {
	check_version && find_program || return
	tm set-option -gq @panescry-script "$self"
	bind @panescry-key / popup 'Search all panes with panescry'
	bind @panescry-watch-key W ask 'Watch this pane with panescry'
	set_status
	# Whoever reads what this prints waits until nobody is left who could.
	start_daemon >/dev/null 2>&1 </dev/null &
}

# popup CLIENT PANE. Several arguments are run as they are, without a shell.
popup() {
	find_program && start_daemon || return
	tm display-popup -E -c "$1" -t "$2" -d '#{pane_current_path}' \
		-w "$(option @panescry-popup-width 90%)" \
		-h "$(option @panescry-popup-height 80%)" \
		"$program" search -I --tmux-client "$1"
}

# ask CLIENT PANE: what is typed comes in place of %1%, escaped for double quotes. It goes into
# the environment of the command that follows, which takes it out again. The pane goes without
# its %, which would make it such a place, too. 3.3 replaces %1 and then %2 by the same text, of
# which the first would have its own %2 replaced.
ask() {
	case $(tm display-message -p '#{version}') in
	3.3 | 3.3a) place=%2% ;;
	*) place=%1% ;;
	esac
	tm command-prompt -t "$1" -p 'watch this pane for:' \
		"set-environment -g PANESCRY_PATTERN \"$place\" ; run-shell -b '#{q:@panescry-script} add #{q:client_name} ${2#%}'"
}

# add CLIENT NUMBER
add() {
	tm set-environment -gu PANESCRY_PATTERN
	[ -n "${PANESCRY_PATTERN:-}" ] || return 0
	pattern=$PANESCRY_PATTERN
	unset PANESCRY_PATTERN
	find_program && start_daemon || return
	if said=$("$program" watch add --pane "%$2" \
		--command "exec $(sh_quote "$self") fired $(sh_quote "$socket") %$2" \
		-- "$pattern" 2>&1); then
		tell "$said watches %$2 for $pattern" "$1"
	else
		tell "${said#panescry: }" "$1"
	fi
}

# fired SOCKET PANE: run by the daemon.
fired() {
	socket=$1
	tell "$2: ${PANESCRY_TEXT:-}"
}

# What it printed, and a status other than 0, tmux would put over the current pane.
case ${1:-} in
'') set_up ;;
popup) popup "$2" "$3" ;;
ask) ask "$2" "$3" ;;
add) add "$2" "$3" ;;
fired) fired "$2" "$3" ;;
esac >/dev/null 2>&1
exit 0
