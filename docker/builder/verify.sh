#!/usr/bin/env bash
# The acceptance suite: one line for each check, against a builder container of its own or a running one.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
ROOT="$(cd "$here/../.." && pwd)"
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
source "$here/lib/common.sh"
# shellcheck source-path=SCRIPTDIR source=lib/engine.sh
source "$here/lib/engine.sh"
# shellcheck source-path=SCRIPTDIR source=lib/harmless.sh
source "$here/lib/harmless.sh"
# shellcheck source-path=SCRIPTDIR source=lib/rootless.sh
source "$here/lib/rootless.sh"

usage() {
	cat <<'TEXT'
usage: docker/builder/verify.sh [option]...

Starts a builder container of its own, with volumes and ports of its own, checks every promise of acceptance/ against
it, and removes it. Beside a running builder nothing of that builder is touched.

  --engine NAME               docker, podman, podman-rootless, or all: one after the other. Default: the one that run.sh
                              would take. podman-rootless: for root, as a user made for it; where the host does not
                              allow that, it says why not
  --only NAME                 only the files of acceptance/ with NAME in their name; may be given again
  --except NAME               not those; may be given again
  --running NAME              check a container that is up already; what would stop or replace it is skipped
  --table FILE                write what was tried and refused, by which file, with the reason given: Markdown
  --keep                      leave the container and its volumes for a look
  --help                      this text

The last line is "N passed, N failed, N skipped". The exit code is 0 when nothing failed.
Variables: APPX_IMAGE, APPX_PORT, APPX_APP_PORTS, APPX_RUN_ARGS, APPX_PIDS, as in run.sh. Without APPX_PORT and
APPX_APP_PORTS, run.sh's defaults are taken when they are free, else 14001 and 13000-13010, and so on.
APPX_SLOW=20 makes every time limit 20 times longer, for a machine that is emulated (scripts/vm).
TEXT
}

main() {
	read_arguments "$@"
	case $chosen_engine in
	all)
		with_each_engine
		return
		;;
	podman-rootless)
		collect_options
		verify_rootless "${options[@]}"
		return
		;;
	esac
	prepare
	trap clean_up EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	if [[ $OWN == yes ]]; then start; fi
	check_all
	if [[ -n $table ]]; then write_table; fi
	summary
}

chosen_engine="${APPX_ENGINE:-}"
running=
keep=no
only=()
but=()
table=

read_arguments() {
	while (($#)); do
		case $1 in
		--engine) chosen_engine="${2:?"--engine needs a name: docker, podman, podman-rootless or all"}" && shift ;;
		--only) only+=("${2:?"--only needs a name"}") && shift ;;
		--except) but+=("${2:?"--except needs a name"}") && shift ;;
		--running) running="${2:?"--running needs the name of a container"}" && shift ;;
		--table) table="$(realpath -m "${2:?"--table needs a file"}")" && shift ;;
		--keep) keep=yes ;;
		-h | --help) usage && exit 0 ;;
		*) misuse "unknown argument: $1" ;;
		esac
		shift
	done
	case $chosen_engine in
	'' | docker | podman) ;;
	all | podman-rootless) [[ -z $running ]] || misuse "--running needs docker or podman" ;;
	*) misuse "--engine is docker, podman, podman-rootless or all, not '$chosen_engine'" ;;
	esac
}

misuse() {
	printf 'error: %s\n       docker/builder/verify.sh --help shows what there is.\n' "$1" >&2
	exit 2
}

options=()

collect_options() {
	local each
	for each in "${only[@]}"; do options+=(--only "$each"); done
	for each in "${but[@]}"; do options+=(--except "$each"); done
	if [[ $keep == yes ]]; then options+=(--keep); fi
	if [[ -n $table ]]; then options+=(--table "$table"); fi
}

with_each_engine() {
	local engine_name code=0
	collect_options
	for engine_name in docker podman podman-rootless; do
		printf '=== %s\n' "$engine_name"
		# A table for each engine: FILE-docker.md and so on.
		if [[ -n $table ]]; then options[-1]="${table%.md}-$engine_name.md"; fi
		"${BASH_SOURCE[0]}" --engine "$engine_name" "${options[@]}" || code=1
	done
	return "$code"
}

# --- before -----------------------------------------------------------------------------------------------------------

prepare() {
	if [[ -n $chosen_engine ]]; then export APPX_ENGINE="$chosen_engine"; fi
	ensure_engine
	ensure_tools
	forget_the_callers_keys
	RUN="$(mktemp -d "${TMPDIR:-/tmp}/appx-verify.XXXXXX")"
	TALLY="$RUN/tally"
	: >"$TALLY"
	ENGINE="${engine[*]}"
	KIND="$kind"
	IMAGE="${APPX_IMAGE:-localhost/appx/builder:latest}"
	if [[ -n $running ]]; then use_running; else use_own; fi
	REFUSALS="$RUN/refusals"
	: >"$REFUSALS"
	export ROOT RUN TALLY REFUSALS ENGINE KIND IMAGE OWN BUILDER
}

ensure_tools() {
	local missing=() tool
	for tool in curl python3 git; do command -v "$tool" >/dev/null || missing+=("$tool"); done
	if ((${#missing[@]})); then apt_install "${missing[@]}"; fi
}

# A real key must neither reach a test nor make the demo give way to a real model.
forget_the_callers_keys() {
	local variable
	for variable in $(compgen -e); do
		case $variable in
		*_API_KEY | *_API_KEY_FILE | *_BASE_URL | LITELLM_* | AGENT_SERVER_* | APPX_WORKSPACE | APPX_STORAGE | APPX_BIND) unset "$variable" ;;
		esac
	done
}

use_running() {
	OWN=no
	BUILDER="$running"
	IMAGE="$("${engine[@]}" container inspect --format '{{.Image}}' "$BUILDER" 2>/dev/null)" ||
		die "$kind has no container '$BUILDER'. '$kind ps' shows what there is."
	APPX_APP_PORTS="$("${engine[@]}" port "$BUILDER" | sed -nE '/^4001/d; s#^([0-9]+)/tcp.*#\1#p' | sort -n | sed -n '1p; $p' | paste -sd -)"
	export APPX_APP_PORTS
}

use_own() {
	OWN=yes
	BUILDER="${APPX_NAME:-appx-verify}"
	export APPX_NAME="$BUILDER"
	if "${engine[@]}" container inspect "$BUILDER" >/dev/null 2>&1; then
		die "there is a container '$BUILDER' already, of another run or kept. Remove it first:
       APPX_ENGINE=$kind APPX_NAME=$BUILDER docker/builder/run.sh --destroy"
	fi
	export APPX_READY_SECONDS="${APPX_READY_SECONDS:-$((120 * ${APPX_SLOW:-1}))}"
	choose_ports
}

# Two sets: for the container under test, and for a second one beside it.
choose_ports() {
	local found
	found="$(free_ports)" || die "no range of 11 free ports was found. Choose with APPX_PORT and APPX_APP_PORTS."
	# shellcheck disable=SC2034 # the last word swallows what is left
	read -r port apps other_port other_apps _ <<<"$found"
	export APPX_PORT="${APPX_PORT:-$port}" APPX_APP_PORTS="${APPX_APP_PORTS:-$apps}"
	export OTHER_PORT="${OTHER_PORT:-$other_port}" OTHER_APP_PORTS="${OTHER_APP_PORTS:-$other_apps}"
}

free_ports() {
	python3 -I - <<-'PYTHON'
		import socket, sys

		def free(port):
		    with socket.socket() as listener:
		        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		        try:
		            listener.bind(("127.0.0.1", port))
		        except OSError:
		            return False
		    return True

		sets = [(4001 + start, 3000 + start) for start in (0, 10_000, 11_000, 12_000, 20_000, 21_000)]
		good = [(api, f"{apps}-{apps + 10}") for api, apps in sets if all(map(free, (api, *range(apps, apps + 11))))]
		if len(good) < 2:
		    sys.exit(1)
		print(*(word for each in good[:2] for word in each))
	PYTHON
}

start() {
	say "Starting '$BUILDER' with $kind: API on port $APPX_PORT, apps on $APPX_APP_PORTS."
	if "$here/run.sh" >"$RUN/start.log" 2>&1 </dev/null; then
		tally . "ok    run.sh starts the builder container ($(sed -n 's/^Ready after //p' "$RUN/start.log" | tr -d .))"
	else
		tally F "FAIL  run.sh starts the builder container"
		sed 's/^/      | /' "$RUN/start.log"
		summary
		exit 1
	fi
}

# --- the checks -------------------------------------------------------------------------------------------------------

check_all() {
	local file found=no
	for file in "$ROOT"/acceptance/[0-9]*.sh; do
		if wanted "$(basename "$file" .sh)"; then
			found=yes
			check "$file"
		fi
	done
	[[ $found == yes ]] || misuse "no file of acceptance/ has such a name: ${only[*]}${but[*]:+, without ${but[*]}}"
}

wanted() { { ((!${#only[@]})) || has_one_of "$1" "${only[@]}"; } && ! has_one_of "$1" "${but[@]}"; }

# has_one_of NAME PART...
has_one_of() {
	local each
	for each in "${@:2}"; do
		if [[ $1 == *"$each"* ]]; then return 0; fi
	done
	return 1
}

# A file that ends badly without a failed check has failed as a whole.
check() {
	local file="$1" name started=$SECONDS code=0 before
	name="$(basename "$file" .sh)"
	before="$(count F)"
	printf -- '--- %s: %s\n' "$name" "$(sed -n '2s/^# //p' "$file")"
	timeout --foreground $((900 * ${APPX_SLOW:-1})) bash "$file" </dev/null 2>"$RUN/errors" || code=$?
	if ((code != 0)) && [[ $(count F) == "$before" ]]; then
		tally F "FAIL  $name ran to its end (code $code)"
		harmless <"$RUN/errors" | sed 's/^/      | /'
	fi
	printf '      %s took %d s\n' "$name" $((SECONDS - started))
}

tally() {
	printf '%s' "$1" >>"$TALLY"
	printf '%s\n' "$2"
}

count() { tr -cd "$1" <"$TALLY" | wc -c | tr -d ' '; }

summary() {
	printf '%s passed, %s failed, %s skipped\n' "$(count .)" "$(count F)" "$(count s)"
	[[ $(count F) == 0 ]]
}

# Each refusal that was seen in this run. lib.sh keeps them: file, sentence, who tried, what was said.
write_table() {
	{
		printf '# Tried and refused\n\n'
		# shellcheck disable=SC2016 # Markdown's
		printf '`docker/builder/verify.sh --table` wrote this with %s outside, from a run on %s.\n\n' "$kind" "$(date -u +%F)"
		printf '| file | tried | by | refused with |\n|---|---|---|---|\n'
		cat "$REFUSALS"
	} >"$table"
	say "$(grep -c . "$REFUSALS" || true) refusals are written to $table."
}

# --- after ------------------------------------------------------------------------------------------------------------

# Only what this run made.
clean_up() {
	local code=$?
	trap - EXIT INT TERM
	if [[ $OWN == yes && $keep == yes ]]; then
		say "Kept: '$BUILDER'. To remove it: APPX_ENGINE=$kind APPX_NAME=$BUILDER docker/builder/run.sh --destroy" >&2
	elif [[ $OWN == yes ]]; then
		"$here/run.sh" --destroy --yes >/dev/null 2>&1 </dev/null || true
		APPX_NAME="$BUILDER-other" "$here/run.sh" --destroy --yes >/dev/null 2>&1 </dev/null || true
	fi
	rm -rf "$RUN"
	exit "$code"
}

main "$@"
