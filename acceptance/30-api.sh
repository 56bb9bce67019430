#!/usr/bin/env bash
# The API as a client meets it: health, projects, sessions, and who may ask.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

main() {
	gives "healthz says that the server lives" '"service": ?"agent-server"' api GET /v1/healthz
	gives "readyz says that the workbench and podman work" '"ready": ?true' api GET /v1/readyz
	gives "appx health says the same inside" 'ready, podman [0-9]' as_appx appx health
	soon "the engine's health check finds it healthy" 60 is_healthy
	projects
	sessions
	only_with_the_token
	verdict
}

is_healthy() {
	engine exec "$BUILDER" as-appx appx health
	[[ $KIND == podman ]] && engine healthcheck run "$BUILDER" && return
	[[ $(engine container inspect --format '{{.State.Health.Status}}' "$BUILDER") == healthy ]]
}

projects() {
	local first again name="Verify Übersicht"
	first="$(api POST /v1/projects "{\"name\": \"$name\"}")"
	again="$(api POST /v1/projects "{\"name\": \"$name\"}")"
	project="$(field 'd["id"]' <<<"$first")"
	made+=("$project")
	must "creating a project twice gives the same one" test "$first" = "$again"
	gives "its id is made from its name" '^verify-ubersicht$' printf '%s' "$project"
	must "its directory is there and belongs to the account that works there" as_project "$project" test -O .
	gives "it is listed" "\"id\": ?\"$project\"" api GET /v1/projects
	refused "a name without letters is refused with a sentence" '"error": ?".+' api POST /v1/projects '{"name": "!!!"}'
	refused "malformed JSON is the client's mistake" '"error": ?".*(400|JSON)' api POST /v1/projects '{"name": '
}

sessions() {
	new_session
	gives "a session can be created, and is listed" "$session" api GET "/v1/projects/$project/sessions"
	gives "it begins empty" '"messages": ?\[\]' api GET "/v1/projects/$project/sessions/$session"
	refused "a session that is not there is not found" '"error": ?"session not found' \
		api GET "/v1/projects/$project/sessions/00000000-0000-7000-8000-000000000000"
}

only_with_the_token() {
	local address
	address="http://$(host_address 4001)"
	gives "the API answers 401 without a token" '^401$' status_of "$address/v1/projects"
	gives "and 401 with a wrong one" '^401$' status_of --header 'Authorization: Bearer wrong' "$address/v1/projects"
	gives "its documentation is open" '^200$' status_of "$address/docs"
	logs_in_once "$address"
}

logs_in_once() {
	local path cookies="$RUN/cookies"
	path="$(api POST /v1/login-codes | field 'd["path"]')"
	gives "a login URL logs a browser in" '^303$' status_of --cookie-jar "$cookies" "$1$path"
	gives "and its cookie is taken" '^200$' status_of --cookie "$cookies" "$1/v1/projects"
	gives "the same URL does not work a second time" '^403$' status_of "$1$path"
	gives "a page from elsewhere cannot use the cookie" '^403$' status_of --cookie "$cookies" --request POST \
		--header 'Origin: http://elsewhere.example' --json '{"name": "stolen"}' "$1/v1/projects"
}

main "$@"
