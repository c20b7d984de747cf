# What quickstart and check share: packages and builds. Sourced by /bin/sh.

build_packages="autoconf automake gcc make pkg-config libc6-dev libwebsockets-dev
	libwebsockets-evlib-uv libuv1-dev libcjson-dev libssl-dev libqrencode-dev
	libutf8proc-dev libinih-dev libpcre2-dev libsqlite3-dev libzstd-dev libseccomp-dev uthash-dev"

say() {
	printf '==> %s\n' "$*"
}

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null 2>&1; then
		sudo "$@"
	else
		die "packages are missing and neither root nor sudo is here to install them:
$*"
	fi
}

is_installed() {
	[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# install_packages NAME...: those that are not there yet.
install_packages() {
	command -v dpkg-query >/dev/null 2>&1 ||
		die "this is for Debian and its like; elsewhere see README for what is needed"
	missing=
	for package in "$@"; do
		is_installed "$package" || missing="$missing $package"
	done
	# node may come from elsewhere, with npm in the same package.
	command -v node >/dev/null 2>&1 || missing="$missing nodejs"
	command -v npm >/dev/null 2>&1 || missing="$missing npm"
	[ -n "$missing" ] || return 0
	say "installing$missing"
	export DEBIAN_FRONTEND=noninteractive
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update
	# shellcheck disable=SC2086
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get -qq -y --no-install-recommends install $missing >/dev/null
}

# configure_in DIR [OPTION...]: a build directory that is configured, again only when needed.
configure_in() {
	dir=$1
	shift
	if [ ! -x configure ] || [ configure.ac -nt configure ] || [ ! -f Makefile.in ]; then
		say "making configure"
		autoreconf -fi >/dev/null
	fi
	mkdir -p "$dir"
	if [ ! -f "$dir/Makefile" ] || [ configure -nt "$dir/Makefile" ]; then
		say "configuring $dir"
		(cd "$dir" && ../configure -q "$@")
	fi
}

jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
