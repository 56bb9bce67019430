#!/usr/bin/env bash
# After a reboot of the host the engine alone brings back the API, the projects and the apps that ran.
# The host cannot be rebooted by this file: it runs before with APPX_REBOOT=before, and after with APPX_REBOOT=after.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

project=verify-reboot

main() {
	case ${APPX_REBOOT:-} in
	before) make_something ;;
	after) all_is_there ;;
	*) skipped "after a reboot of the host the API and a running app are there" "it takes a reboot: scripts/vm makes one" ;;
	esac
	verdict
}

# What tells the two times apart lies in the project itself: of this run nothing else outlives the reboot.
make_something() {
	new_project "$project"
	# It has to be there afterwards.
	made=()
	new_session
	must "before the reboot an app is made" turn "$project" "$session" "A page that says: I survive a reboot"
	must "and runs" page_has "$(port_of "$project")" "I survive a reboot"
	must "and what is there is written down" turn "$project" "$session" \
		"run: echo '$(boot)' >boot; echo '$(profile)' >profile; echo '$(container)' >container"
}

all_is_there() {
	must "the host was rebooted" test "$(boot)" != "$(noted boot)"
	soon "after a reboot of the host the API is ready again" 120 is_ready
	soon "and the app answers on its port" 120 page_has "$(port_of "$project")" "I survive a reboot"
	gives "from the container that was there before" "^$(noted container)$" container
	gives "and it is under the same AppArmor profile" "^$(noted profile)$" profile
	session="$(api GET "/v1/projects/$project/sessions" | field 'd["sessions"][0]["id"]')"
	gives "and the session has what was said" 'I survive a reboot' api GET "/v1/projects/$project/sessions/$session"
	must "and a turn can be done" turn "$project" "$session" "run: podman ps"
}

container() { engine container inspect --format '{{.Id}}' "$BUILDER"; }

boot() { cat /proc/sys/kernel/random/boot_id; }

# Without AppArmor the file cannot be read.
profile() { as_root cat /proc/self/attr/current 2>/dev/null | tr -d '\0' | cut -d ' ' -f 1 | grep . || echo none; }

noted() { as_project "$project" cat "$1"; }

main "$@"
