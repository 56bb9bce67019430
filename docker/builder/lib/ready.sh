# shellcheck shell=bash disable=SC2154 # the settings are run.sh's.
# Waiting until the builder container is ready, and saying why it is not. Sourced by run.sh; needs common.sh and engine.sh.
# shellcheck source-path=SCRIPTDIR source=harmless.sh
source "$(dirname "${BASH_SOURCE[0]}")/harmless.sh"

# The workbench has its socket, so its podman is prepared, and the server answers. Asked as uid appx: root may not look
# into the workbench's directory, for it has no capability that overrides a mode.
is_ready() {
	# shellcheck disable=SC2016 # the container's variable
	"${engine[@]}" exec "$name" as-appx sh -c 'test -S "$APPX_WORKBENCH_SOCKET" && appx health' >/dev/null 2>&1
}

is_ready_or_gone() { is_ready || [[ "$(state)" != running ]] || gives_up; }

deaths_before=0

# A wrong setting or a full disk is not cured by waiting.
gives_up() { (($(deaths) - deaths_before >= 2)); }

# How often the server and the workbench have ended since the container started. None while s6 is not there yet.
deaths() {
	local each
	for each in server workbench; do "${engine[@]}" exec "$name" s6-svdt "/run/service/$each" 2>/dev/null || true; done | wc -l
}

wait_until_ready() {
	local started=$SECONDS
	trap interrupted INT
	deaths_before="$(deaths)"
	on_terminal || say "Waiting for the server (at most $ready_within s)."
	until until_true 1 is_ready_or_gone; do
		((SECONDS - started < ready_within)) || explain_failure "'$name' was not ready within $ready_within s."
		if on_terminal; then printf '\r\033[K%4d s  %.90s' $((SECONDS - started)) "$(last_log_line)"; fi
	done
	trap - INT
	if on_terminal; then printf '\r\033[K'; fi
	[[ "$(state)" == running ]] || explain_failure "'$name' ended by itself."
	if gives_up; then explain_failure "the services of '$name' end by themselves, again and again."; fi
	say "Ready after $((SECONDS - started)) s."
}

interrupted() {
	printf '\n'
	say "Not waiting any longer. docker/builder/run.sh goes on where this ended; --stop stops the container."
	exit 130
}

last_log_line() { "${engine[@]}" logs --tail 1 "$name" 2>&1 | harmless || true; }

explain_failure() {
	printf 'error: %s\n' "$1" >&2
	if [[ "$(state)" != none ]]; then show_last_lines >&2; fi
	cat >&2 <<-TEXT
		What to do: docs/security.md has a table of error messages and the flag that each one means.
		  docker/builder/run.sh --logs      the whole log
		  docker/builder/run.sh --rebuild   a new image and container; the volumes stay
	TEXT
	exit 1
}

show_last_lines() {
	local lines
	lines="$(mktemp)"
	"${engine[@]}" logs --tail 25 "$name" 2>&1 | harmless >"$lines" || true
	printf -- '--- the last lines of its log:\n'
	cat "$lines"
	printf -- '---\n'
	hint "$lines" || hint_at_apparmor "$lines" || true
	rm -f "$lines"
}
