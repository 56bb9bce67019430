#!/usr/bin/env bash
# The end: a stop that is quick and orderly, and a removal that leaves nothing behind.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

main() {
	own_container "a stop takes at most 15 s, and --destroy leaves nothing behind" || return 0
	start_it
	as_builder podman run --detach --pull=never --label appx.verify=1 --name verify-end --restart=always localhost/appx/static >/dev/null
	stops
	starts_again
	is_destroyed
	# There is nothing left to tidy up in.
	trap - EXIT
	verdict
}

stops() {
	local started=$SECONDS
	gives "run.sh --stop stops it" "Stopped '$BUILDER'" run_sh --stop
	must "within 15 s, with an app running" test $((SECONDS - started)) -le $((15 * slow))
	gives "by itself: it was not killed" '^exited 0$' engine container inspect --format '{{.State.Status}} {{.State.ExitCode}}' "$BUILDER"
	gives "run.sh --stop again says so" "is stopped already" run_sh --stop
	refused "run.sh --status says that it is stopped" "is stopped" run_sh --status
}

starts_again() {
	must "run.sh starts it again" start_it
	soon "and its app" 30 app_runs
}

app_runs() { as_builder podman ps --format '{{.Names}}' | grep -qx verify-end; }

is_destroyed() {
	refused "run.sh --destroy asks first, and without a terminal refuses" "add --yes to mean it" run_sh --destroy
	must "it is still there" is_ready
	gives "run.sh --destroy --yes names the volumes and removes them" "$BUILDER-workspace" run_sh --destroy --yes
	gives "the container is gone" '^$' engine ps --all --quiet --filter "name=^$BUILDER\$"
	gives "its volumes are gone" '^$' engine volume ls --quiet --filter "name=$BUILDER-"
	must "its ports are closed" ports_are_closed
}

ports_are_closed() { [[ $(status_of "http://127.0.0.1:$APPX_PORT/v1/healthz") == 000 ]]; }

main "$@"
