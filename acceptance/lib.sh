# shellcheck shell=bash
# Helpers of the acceptance suite. A check is a sentence and a command; its output shows only when it fails.
# docker/builder/verify.sh gives: ENGINE KIND BUILDER IMAGE ROOT RUN TALLY OWN.
set -Eeuo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
read -r -a engine <<<"${ENGINE:?is set by docker/builder/verify.sh, which runs this file}"
failures=0
# On a slow machine every time limit is longer by this factor; a condition that comes true is never waited for.
slow="${APPX_SLOW:-1}"
# shellcheck source-path=SCRIPTDIR source=../docker/builder/lib/harmless.sh
source "$here/../docker/builder/lib/harmless.sh"

# --- the four kinds of checks -----------------------------------------------------------------------------------------

# must SENTENCE COMMAND...             the command has to succeed
must() {
	local sentence="$1" output
	shift
	if output="$("$@" 2>&1)"; then passed "$sentence"; else failed "$sentence" "$output"; fi
}

# gives SENTENCE REGEX COMMAND...      the command has to succeed, and its output to match
gives() {
	local sentence="$1" wanted="$2" output
	shift 2
	if ! output="$("$@" 2>&1)"; then
		failed "$sentence" "$output"
	elif [[ $output =~ $wanted ]]; then
		passed "$sentence"
	else
		failed "$sentence" "expected to find: $wanted"$'\n'"$output"
	fi
}

# What is said when the attempt itself went wrong. A wall that is "there" because of a typo is no wall.
no_attempt='command not found|executable file not found|No such container|no such container|no container with name|is not running|unrecognized option|unknown option|Traceback|SyntaxError'

# refused SENTENCE REGEX COMMAND...    the command has to be made, to fail, and to say why
refused() {
	local sentence="$1" reason="$2" output code=0
	shift 2
	output="$("$@" 2>&1)" || code=$?
	if ((code == 0)); then
		failed "$sentence" "it was allowed"$'\n'"$output"
	elif ((code >= 124)) || [[ $output =~ $no_attempt ]]; then
		failed "$sentence" "the attempt was not made (code $code)"$'\n'"$output"
	elif [[ $output =~ $reason ]]; then
		remember "$sentence" "$(zone "$*")" "$(grep -aoE -m 1 -- "${reason#^}" <<<"$output" | head -n 1 | harmless)"
		passed "$sentence"
	else
		failed "$sentence" "refused for another reason than: $reason"$'\n'"$output"
	fi
}

# remember SENTENCE ZONE REASON: a row of verify.sh --table.
remember() {
	local reason="${3:0:200}"
	reason="${reason//\`/\'}"
	# shellcheck disable=SC2016 # Markdown's
	printf '| %s | %s | %s | `%s` |\n' "$(basename "$0" .sh)" "$1" "$2" "${reason//|/\\|}" >>"${REFUSALS:-/dev/null}"
}

# Who made the attempt, by the words of the command.
zone() {
	case " $1 " in
	*" inner "* | *" app_surface "* | *" fetch "* | *" across_networks "* | *" privileged "* | *" all_by_seccomp "*) echo "an app" ;;
	*" as_root "*) echo "root of the container" ;;
	*" as_appx "* | *" feed_appx "*) echo "the server's user" ;;
	*" as_stranger "*) echo "another user" ;;
	*" as_builder "* | *" feed_builder "* | *" exhaust "* | *" group builder "* | *" addresses "*) echo "the builder" ;;
	*) echo "outside" ;;
	esac
}

# soon SENTENCE SECONDS COMMAND...     the command has to succeed within that time
soon() {
	local sentence="$1" seconds="$2"
	shift 2
	if within "$seconds" "$@"; then passed "$sentence"; else failed "$sentence" "not within $((seconds * slow)) s: $(said "$@")"; fi
}

skipped() {
	printf 'skip  %s, because %s\n' "$1" "$(harmless <<<"$2")"
	printf 's' >>"$TALLY"
}

passed() {
	printf 'ok    %s\n' "$1"
	printf '.' >>"$TALLY"
}

failed() {
	printf 'FAIL  %s\n' "$1"
	# What a command says may be an agent's: the name of a process, of a file, an answer.
	printf '      | %s\n' "$(head -n 40 <<<"$2" | harmless | sed '2,$s/^/      | /')"
	printf 'F' >>"$TALLY"
	failures=$((failures + 1))
}

verdict() { ((failures == 0)); }

# --- waiting ----------------------------------------------------------------------------------------------------------

# within SECONDS COMMAND...: asks five times a second, at most so long.
within() {
	local deadline=$((SECONDS + $1 * slow))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS < deadline)) || return 1
		sleep 0.2
	done
}

said() { "$@" 2>&1 || printf '(code %s)' $?; }

# ends_at REGEX COMMAND...: what a program that goes on prints, up to the line that matches; at most for 20 s.
ends_at() {
	{ sed -E "/$1/q"; } < <(exec timeout $((20 * slow)) "${@:2}")
	kill "$!" 2>/dev/null || true
}
# The same as the server's user: there the program itself is ended, not only the way to it.
ends_at_as_appx() { as_appx bash -c "slow=$slow; $(declare -f ends_at); ends_at \"\$@\"" - "$@"; }

not() { ! "$@"; }

# --- who does it ------------------------------------------------------------------------------------------------------

engine() { timeout --foreground $((300 * slow)) "${engine[@]}" "$@"; }
# The container's own working directory is /workspace, where every agent can put a file that a program then looks for.
as_root() { timeout --foreground $((120 * slow)) "${engine[@]}" exec --workdir / "$BUILDER" "$@"; }
as_appx() { timeout --foreground $((120 * slow)) "${engine[@]}" exec --workdir / "$BUILDER" as-appx "$@"; }
as_builder() { timeout --foreground $((300 * slow)) "${engine[@]}" exec "$BUILDER" as-builder "$@"; }
# In a project's directory, as the account that works there.
as_project() { timeout --foreground $((300 * slow)) "${engine[@]}" exec "$BUILDER" as-project "$@"; }
as_account() { timeout --foreground $((300 * slow)) "${engine[@]}" exec "$BUILDER" as-account "$@"; }
feed_project() { timeout --foreground $((120 * slow)) "${engine[@]}" exec -i "$BUILDER" as-project "$@"; }
# The port that is leased to its DEV environment.
port_of() { as_project "$1" jq --raw-output ".dev.port // ${APPX_APP_PORTS%-*}" .pi/deployment.json; }
# Which account that is.
account_of() { as_root stat -c %U "/workspace/$1"; }
# Its workbench, by the id that root sees.
workbench_of() { as_root pgrep --euid "$(account_of "$1")" --full '/appx workbench'; }
# With standard input.
feed_appx() { timeout --foreground $((120 * slow)) "${engine[@]}" exec -i --workdir / "$BUILDER" as-appx "$@"; }
feed_builder() { timeout --foreground $((120 * slow)) "${engine[@]}" exec -i "$BUILDER" as-builder "$@"; }
# A uid that belongs to no zone. Root of the container can take any, and that is all it can.
as_stranger() { timeout --foreground $((60 * slow)) "${engine[@]}" exec --workdir / "$BUILDER" setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs -- "$@"; }
inner() { as_builder podman run --rm --pull=never --label appx.verify=1 "$@"; }

# probe WHO FILE ARGUMENTS...: a Python file of acceptance/inside, run in the container; standard input is its own.
# Python takes modules from where it starts, unless -I says not to: an agent's module would run with the rights of WHO.
probe() {
	local who="$1" file="$2"
	shift 2
	"$who" python3 -I -c "$(cat "$here/inside/$file.py")" "$@"
}

# --- the API ----------------------------------------------------------------------------------------------------------

# The address on this host behind a port of the container.
host_address() {
	local address
	address="$("${engine[@]}" port "$BUILDER" "$1/tcp" | head -n 1)"
	printf '%s' "${address/0.0.0.0/127.0.0.1}"
}

# api METHOD PATH [BODY]: prints the body of the answer; fails with it when the status is no success.
api() {
	local body=()
	if (($# > 2)); then body=(--data-binary "$3" --header 'Content-Type: application/json'); fi
	curl --silent --show-error --noproxy '*' --fail-with-body --max-time $((60 * slow)) --request "$1" "${body[@]}" \
		--config <(printf 'header = "Authorization: Bearer %s"\n' "$(token)") "http://$(host_address 4001)$2"
}

# compare ANSWER PATH: says equal when PATH still answers that.
compare() {
	local now
	now="$(api GET "$2")"
	if [[ $now == "$1" ]]; then echo equal; else printf 'before: %s\nafter:  %s\n' "$1" "$now"; fi
}

# status_of CURL-ARGUMENTS...: only the status code.
status_of() { curl --silent --noproxy '*' --max-time $((10 * slow)) --output /dev/null --write-out '%{http_code}' "$@" || true; }

page() { curl --silent --show-error --noproxy '*' --fail --max-time $((10 * slow)) "http://$(host_address "$1")/${2:-}"; }

page_has() { page "$1" | grep -qF "$2"; }

# The one that run.sh handed over, else the one that the server made.
token() { as_appx sh -c 'cd /workspace/.pi-global && { jq -er .AGENT_SERVER_TOKEN handed.json 2>/dev/null | grep -v null || cat token; }'; }

# field EXPRESSION: of the JSON on standard input, which is called d.
field() { python3 -I -c 'import json, sys; d = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"; }

# turn PROJECT SESSION PROMPT: one turn over the API; prints its events, a JSON line each. Fails unless it ends well.
turn() { token | python3 "$here/turn.py" "http://$(host_address 4001)" $((240 * slow)) "$@"; }

# Of the ports that the container publishes, the first that no app has.
free_port() {
	local port
	for port in $(seq "${APPX_APP_PORTS%-*}" "${APPX_APP_PORTS#*-}"); do
		if not page "$port" >/dev/null 2>&1; then
			printf '%s' "$port"
			return
		fi
	done
	return 1
}

made=()

# new_project NAME [PORT]: makes it, sets `project` to its id, and removes it at the end of the file.
new_project() {
	local deployment=""
	if (($# > 1)); then deployment=", \"deployment\": {\"dev\": {\"port\": $2}}"; fi
	project="$(api POST /v1/projects "{\"name\": \"$1\"$deployment}" | field 'd["id"]')"
	made+=("$project")
}

# shellcheck disable=SC2034 # for the files
new_session() { session="$(api POST "/v1/projects/$project/sessions" | field 'd["id"]')"; }

# --- tidying up -------------------------------------------------------------------------------------------------------

tidy() {
	local each
	for each in "${made[@]}"; do api DELETE "/v1/projects/$each" >/dev/null 2>&1 || true; done
	# shellcheck disable=SC2016 # the shell inside
	as_builder sh -c 'podman rm --force --time 0 $(podman ps --all --quiet --filter label=appx.verify=1)' >/dev/null 2>&1 || true
}
trap tidy EXIT

# --- the container as a whole: only when it is the suite's own -----------------------------------------------------------

# own_container SENTENCE: false, and said, when the container is somebody's.
own_container() {
	[[ $OWN == yes ]] && return
	skipped "$1" "it stops or replaces the container, and this one is in use"
	return 1
}

# Without arguments: it is up, whatever it was before.
start_it() { timeout --foreground $((300 * slow)) "$ROOT/docker/builder/run.sh" >/dev/null; }
run_sh() { timeout --foreground $((300 * slow)) "$ROOT/docker/builder/run.sh" "$@"; }

is_ready() { [[ $(api GET /v1/readyz | field 'd["ready"]') == True ]]; }
