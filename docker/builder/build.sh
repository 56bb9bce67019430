#!/usr/bin/env bash
# Builds the builder image with docker or podman. Needs no registry: what cannot be pulled is made from Debian packages.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
source "$here/lib/common.sh"
# shellcheck source-path=SCRIPTDIR source=lib/engine.sh
source "$here/lib/engine.sh"

image="${APPX_IMAGE:-localhost/appx/builder:latest}"
base="${BASE_IMAGE:-docker.io/library/debian:trixie-slim}"
suite=trixie
# The day of its release: nothing in a base image of ours is younger, so the same packages make the same archive.
suite_epoch=1754697600
# Read by the build as /host, see image/Dockerfile. Not committed, not in any layer of the result.
host="$root/image/build/host"
workshops="$root/image/build/workshops"

main() {
	read_arguments "$@"
	trap clean_up EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	if [[ -n $base_only ]]; then
		collect_host
		bootstrap "$base_only"
		return
	fi
	ensure_engine
	collect_host
	ensure_base
	build
	say "Built $image ($(size_of "$image"))."
}

usage() {
	cat <<'TEXT'
usage: docker/builder/build.sh [--base-only FILE] [--help]

Builds the builder image; with --base-only, writes only the archive of a base image made from Debian packages, which is
the same to the last bit for the same packages. Variables, with their defaults:
  APPX_ENGINE       docker or podman; default: the one that is there
  APPX_IMAGE        name of the result (localhost/appx/builder:latest)
  BASE_IMAGE        what it stands on (docker.io/library/debian:trixie-slim); made from Debian packages when
                    it is neither here nor to be pulled
  SOURCE_DATE_EPOCH the youngest time of a file in a base image that is made here (the day of the release)
  APPX_APT_SOURCES  a file in the format of sources.list for Debian trixie; default: the mirrors of this host,
                    when it runs Debian, else those of the base image
  PIP_INDEX_URL, PIP_EXTRA_INDEX_URL, NPM_CONFIG_REGISTRY, http_proxy, https_proxy, no_proxy
                    used during the build when set; neither layers nor history of the image contain them
Authorities in /usr/local/share/ca-certificates are carried into the image.
TEXT
}

base_only=

read_arguments() {
	while (($#)); do
		case $1 in
		--base-only)
			base_only="${2:?"--base-only needs a file to write"}"
			shift
			;;
		-h | --help)
			usage
			exit 0
			;;
		*)
			printf 'error: unknown argument: %s\n' "$1" >&2
			usage >&2
			exit 2
			;;
		esac
		shift
	done
}

# --- what the build may know about this host --------------------------------------------------------------------------

collect_host() {
	rm -rf "$host"
	mkdir -p "$host"
	copy_authorities
	write_apt_sources
	write_variables
}

# Behind a TLS-inspecting proxy nothing can be fetched without the proxy's authority.
copy_authorities() {
	if compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
		mkdir -p "$host/ca"
		cp -L /usr/local/share/ca-certificates/*.crt "$host/ca/"
	fi
	# For an https mirror, before ca-certificates is installed.
	if [[ -r /etc/ssl/certs/ca-certificates.crt ]]; then cp -L /etc/ssl/certs/ca-certificates.crt "$host/bundle.pem"; fi
}

write_apt_sources() {
	if [[ -n ${APPX_APT_SOURCES:-} ]]; then
		cp "$APPX_APT_SOURCES" "$host/apt.list" || die "APPX_APT_SOURCES names no readable file: $APPX_APT_SOURCES"
	elif command -v apt-get >/dev/null; then
		debian_mirrors >"$host/apt.list"
		if [[ ! -s $host/apt.list ]]; then
			# A fresh machine does not know yet who signs its sources.
			as_root apt-get -qq update || warn "apt-get update failed on this host; going on with the base image's sources."
			debian_mirrors >"$host/apt.list"
		fi
		[[ -s $host/apt.list ]] || rm "$host/apt.list"
	fi
}

# The host's own Debian sources, for our suite. Third parties' repositories are not signed as Debian.
debian_mirrors() {
	local codename address release component origin
	codename="$(. /etc/os-release && echo "${VERSION_CODENAME:-}")"
	# shellcheck disable=SC2016 # apt fills these in, not the shell.
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)' 'Created-By: Packages' 2>/dev/null |
		while read -r address release component origin; do
			[[ $origin == Debian && $component == main ]] || continue
			case $release in
			"$codename" | "$codename-updates" | "$codename-security")
				printf 'deb %s %s main\n' "$address" "$suite${release#"$codename"}"
				;;
			esac
		done | sort -u
}

write_variables() {
	local name
	for name in PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_TRUSTED_HOST NPM_CONFIG_REGISTRY \
		http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
		if [[ -n ${!name:-} ]]; then printf "export %s='%s'\n" "$name" "${!name//\'/\'\\\'\'}"; fi
	done >"$host/env"
}

# --- the base image ---------------------------------------------------------------------------------------------------

ensure_base() {
	if "${engine[@]}" image inspect "$base" >/dev/null 2>&1; then return; fi
	say "Pulling $base (at most 30 s)."
	if timeout 30 "${engine[@]}" pull --quiet "$base" >/dev/null 2>&1; then return; fi
	[[ -z ${BASE_IMAGE:-} ]] || die "cannot pull BASE_IMAGE=$BASE_IMAGE. Load it into $kind first, or unset BASE_IMAGE."
	say "No registry answers. Making $base from Debian packages instead; it will have that name in $kind."
	make_base
}

make_base() {
	work="$(mktemp -d)"
	bootstrap "$work/base.tar"
	"${engine[@]}" import --change 'CMD ["bash"]' "$work/base.tar" "$base" >"$work/import" 2>&1 || {
		cat "$work/import" >&2
		die "$kind could not import $base. $(hint "$work/import")"
	}
	as_root rm -rf "$work"
}

# bootstrap FILE: the same selection as Debian's slim image: essential packages and apt, no documentation.
bootstrap() {
	command -v mmdebstrap >/dev/null || apt_install mmdebstrap debian-archive-keyring
	local sources=()
	if [[ -s $host/apt.list ]]; then sources=("$host/apt.list"); fi
	# The sources that Debian itself suggests stay in the base, not the mirror of this host.
	# shellcheck disable=SC2016 # mmdebstrap gives the hooks their $1.
	as_root env SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$suite_epoch}" mmdebstrap \
		--quiet --variant=minbase --include=ca-certificates --skip=output/dev \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
		--dpkgopt='path-include=/usr/share/doc/apt/examples/debian.sources' \
		--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/lintian/*' \
		--customize-hook='rm -f "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d/*' \
		--customize-hook='mv "$1"/usr/share/doc/apt/examples/debian.sources "$1"/etc/apt/sources.list.d/' \
		"$suite" "$1" "${sources[@]}" ||
		die "mmdebstrap could not make $base. Is a Debian mirror reachable? APPX_APT_SOURCES can name one."
}

# --- the image --------------------------------------------------------------------------------------------------------

build() {
	local arguments=(--file "$root/image/Dockerfile" --tag "$image" --force-rm --build-arg "BASE_IMAGE=$base"
		--build-arg "APPX_VERSION=$(project_value version)"
		--build-arg "APPX_REVISION=$(revision)"
		--build-arg "APPX_SOURCE=$(project_value Documentation)")
	# podman's own image format has no healthcheck.
	if [[ $kind == podman ]]; then arguments+=(--format docker); fi
	local log="$root/image/build/build.log"
	list_workshops >"$workshops"
	say "Building $image with $kind. Log: $log"
	show_steps "$log" "${engine[@]}" build "${arguments[@]}" "$root" || {
		tail -n 30 "$log" >&2
		die "the build failed. $(hint "$log" || true) The whole log: $log"
	}
}

# show_steps LOG COMMAND...: output into the log; on a terminal the current step is shown, and its time.
show_steps() {
	local log="$1" started=$SECONDS
	shift
	"$@" >"$log" 2>&1 &
	child=$!
	if on_terminal; then
		until until_true 1 process_is_gone "$child"; do
			printf '\r\033[K%4d s  %.90s' $((SECONDS - started)) "$(grep -aE '^(\[[0-9/]+\] )?(STEP|Step|#[0-9]+ \[)' "$log" | tail -n 1)"
		done
		printf '\r\033[K'
	fi
	local code=0
	wait "$child" || code=$?
	child=
	return "$code"
}

process_is_gone() { ! kill -0 "$1"; }

project_value() { sed -n "s/^$1 = \"\(.*\)\"/\1/p" "$root/pyproject.toml" | head -n 1; }

revision() {
	git -C "$root" describe --always --dirty --exclude='*' 2>/dev/null || echo unknown
}

size_of() {
	local bytes
	bytes="$("${engine[@]}" image inspect --format '{{.Size}}' "$1")"
	printf '%d MB' $((bytes / 1000000))
}

# --- after ------------------------------------------------------------------------------------------------------------

child=
work=

# A build that runs beside this script does not hear the Ctrl-C of the terminal. The steps that are done stay in the
# engine's cache, and the next build goes on from there.
clean_up() {
	local code=$?
	trap - EXIT INT TERM
	if [[ -n $child ]]; then
		if on_terminal; then printf '\r\033[K'; fi
		say "Stopped. What is done so far is kept: run it again to go on." >&2
		kill -TERM "$child" 2>/dev/null || true
		until_true 15 process_is_gone "$child" || kill -KILL "$child" 2>/dev/null || true
		remove_workshops
	fi
	if [[ -n $work ]]; then as_root rm -rf "$work"; fi
	exit "$code"
}

# podman forgets the containers of the steps that it was in; docker's daemon removes them itself.
remove_workshops() {
	local new=()
	mapfile -t new < <(list_workshops | comm -13 "$workshops" -)
	if ((${#new[@]})); then "${engine[@]}" rm --force "${new[@]}" >/dev/null 2>&1 || true; fi
}

list_workshops() {
	if [[ $kind == podman ]]; then "${engine[@]}" ps --all --external --format '{{.ID}} {{.Status}}' | sed -n 's/ Storage$//p' | sort; fi
}

main "$@"
