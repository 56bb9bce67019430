#!/usr/bin/env bash
# What is still there after a restart, a kill and a new container: projects, sessions, files, images, running apps.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

prompt=/workspace/.pi-global/AGENTS.md

main() {
	own_container "projects, sessions, files and apps survive a restart, a kill and a new container" || return 0
	the_builder_prompt_comes_from_the_image
	make_something
	restart
	all_is_there "after a restart of the container"
	kill_it
	all_is_there "after kill -9 of the container"
	replace
	all_is_there "after rm and run with the same volumes"
	the_server_is_killed
	as_appx sh -c "cat /usr/local/share/appx-builder/AGENTS.md >$prompt"
	verdict
}

the_builder_prompt_comes_from_the_image() {
	must ".pi-global/AGENTS.md equals the file of the image" as_appx cmp /usr/local/share/appx-builder/AGENTS.md "$prompt"
}

make_something() {
	new_project verify-survival
	new_session
	turn "$project" "$session" "A page that says: I survive" >/dev/null
	turn "$project" "$session" "run: echo kept >kept.txt" >/dev/null
	within 20 checkpointed
	project_before="$(api GET "/v1/projects/$project")"
	session_before="$(api GET "/v1/projects/$project/sessions/$session")"
	must "an app runs before" page_has "$(port_of "$project")" "I survive"
	as_appx sh -c "echo 'instructions of this workspace' >$prompt"
}

# The checkpoint of the second turn is written down after its end: then the session has nothing more to say. Of the first
# the deploy has taken one before.
checkpointed() {
	local taken
	taken="$(as_appx /opt/appx/bin/python -I -c 'import sqlite3, sys
query = "SELECT count(*) FROM records WHERE session_id = ? AND event LIKE ?"
print(sqlite3.connect("/workspace/.pi-global/appx.db").execute(query, (sys.argv[1], "%\"checkpoint_taken\"%")).fetchone()[0])' "$session")"
	((taken == 1))
}

restart() { engine restart --time $((20 * slow)) "$BUILDER" >/dev/null; }

kill_it() {
	engine kill --signal KILL "$BUILDER" >/dev/null
	start_it
}

replace() {
	engine rm --force "$BUILDER" >/dev/null
	start_it
}

all_is_there() {
	soon "$1 it is ready again" 60 is_ready
	soon "$1 the app answers on its port" 60 page_has "$(port_of "$project")" "I survive"
	gives "$1 the registry is the same" "^equal$" compare "$project_before" "/v1/projects/$project"
	gives "$1 the session is the same" "^equal$" compare "$session_before" "/v1/projects/$project/sessions/$session"
	gives "$1 the files are there" '^kept$' as_project "$project" cat kept.txt
	must "$1 the images are there" as_project "$project" podman image exists "localhost/$project:r1"
	gives "$1 the workspace's own AGENTS.md is left alone" '^instructions of this workspace$' as_appx cat "$prompt"
	must "$1 a turn can be done" turn "$project" "$(fresh_session)" "say: still here"
}

fresh_session() { api POST "/v1/projects/$project/sessions" | field 'd["id"]'; }

the_server_is_killed() {
	local pid
	pid="$(as_root s6-svstat -o pid /run/service/server)"
	as_appx kill -KILL "$pid"
	soon "a server that is killed is back within 15 s" 15 is_ready
	must "and its app never went away" page_has "$(port_of "$project")" "I survive"
	as_project "$project" pkill -KILL -f '/appx workbench'
	soon "a workbench that is killed is back within 15 s" 15 is_ready
	must "and a command works again" turn "$project" "$(fresh_session)" "run: podman ps"
}

main "$@"
