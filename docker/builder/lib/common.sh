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

# quietly COMMAND...: what it says is shown only when it fails.
quietly() {
	local output code=0
	output="$("$@" 2>&1)" || code=$?
	if ((code)); then printf '%s\n' "$output" >&2; fi
	return "$code"
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
	quiet_apt update || warn "apt-get update failed; going on with the lists that are here."
	quiet_apt -y --no-install-recommends install "$@" >/dev/null ||
		die "apt-get could not install: $*. If it names no other reason: is the network up, and the package mirror reachable?"
}

# A fresh machine may be busy with its own upgrades: apt waits for them. debconf would say that it asks nothing.
quiet_apt() {
	as_root env DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes apt-get -qq -o DPkg::Lock::Timeout=300 "$@"
}

# hint FILE: what the person can do, when an output shows one of the usual reasons. The first one that fits.
hint() {
	local what
	if what="$(grep -aoiE -m 1 'no space left on device|disk quota exceeded' "$1")"; then
		say "The disk is full ($what). Free some space, then run the same command again: it goes on where it ended."
	elif what="$(grep -aoiE -m 1 'temporary failure (in name resolution|resolving)|could not resolve|could not connect|connection (timed out|refused)|network is unreachable|certificate verify failed|failed to fetch' "$1")"; then
		say "Something could not be fetched ($what). Is the network up? Behind a proxy: set https_proxy, and put its authority into /usr/local/share/ca-certificates. Then run the same command again: it goes on where it ended."
	else
		return 1
	fi
}
