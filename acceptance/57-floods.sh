#!/usr/bin/env bash
# A command that writes without end costs time, not the memory of the server and the workbench.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

most_kib=$((200 * 1024))

main() {
	new_project verify-floods
	new_session
	must "a command writes 1 GB in one line" turn "$project" "$session" "run: head -c 1000000000 /dev/zero | tr '\\0' x"
	must "another 20 million lines" turn "$project" "$session" "run: yes | head -n 20000000"
	must "a third what is no text" turn "$project" "$session" "run: head -c 300000000 /dev/urandom"
	gives "the server never held more than $((most_kib / 1024)) MiB" '^ok ' peak "appx serve"
	gives "nor did the workbench" '^ok ' peak "appx workbench"
	if [[ "$(run_sh --print)" == *max-size=* ]]; then
		gives "the log of the container has an end" '(32|96)(m|MB)|100663296' engine container inspect --format '{{json .HostConfig.LogConfig}}' "$BUILDER"
	else
		skipped "the log of the container has an end" "its engine hands the log on"
	fi
	must "and the session goes on" turn "$project" "$session" "say: dry again"
	verdict
}

# The most memory that a service ever had.
peak() {
	# shellcheck disable=SC2016 # the shell inside
	as_root sh -c 'for one in $(pgrep -f "$1"); do sed -n "s/^VmHWM:[[:space:]]*\([0-9]*\) kB/\1/p" "/proc/$one/status"; done' _ "$1" |
		sort -n | tail -n 1 | awk -v most="$most_kib" '{ print ($1 <= most ? "ok" : "too much"), $1, "KiB" }'
}

main "$@"
