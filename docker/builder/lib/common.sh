# shellcheck shell=bash
# Words to the person, waiting, and being root. Sourced by run.sh and build.sh.

say() { printf '%s\n' "$*"; }

warn() { printf 'warning: %s\n' "$*" >&2; }

# die MESSAGE: the message says what to do next.
die() {
	printf 'error: %s\n' "$*" >&2
	exit 1
}

on_terminal() { [[ -t 0 && -t 1 ]]; }

# confirm QUESTION: yes or no, no by default.
confirm() {
	local answer
	read -r -p "$1 [y/N] " answer
	[[ $answer == [yY]* ]]
}

as_root() {
	if ((EUID == 0)); then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "this step needs root: $*. Run the script as root, or install sudo."
	fi
}

# until_true SECONDS COMMAND...: asks five times a second, at most so long.
until_true() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS < deadline)) || return 1
		sleep 0.2
	done
}

# apt_install PACKAGE...: for a machine that has never seen apt-get update as well.
apt_install() {
	command -v apt-get >/dev/null || die "this machine has no apt. Install $* by hand and run the script again."
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "$@" >/dev/null
}
