#!/usr/bin/env bash
# Apps: deployed, promoted, rolled back, stopped and started over the API; a bad release never takes a good one's place.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

main() {
	new_project verify-apps
	nothing_to_deploy
	first_deploy
	redeploy_and_break
	promote_and_roll_back
	variables
	stop_and_start
	over_the_command_line
	by_the_agent
	the_server_is_killed
	if own_container "apps run again after a kill of the container"; then restarted; fi
	gone
	verdict
}

deploy() { api POST "/v1/projects/$project/deployments" "${1:-{\}}"; }
apps() { api GET "/v1/projects/$project/apps"; }
put() { feed_project "$project" sh -c "cat >$1"; }
port() { as_project "$project" jq --raw-output ".$1.port" .pi/deployment.json; }

nothing_to_deploy() {
	refused "a project without a Containerfile is not deployed, and the sentence says what to write" 'no Containerfile' deploy
	refused "PROD gets nothing before DEV has something" 'Deploy to DEV first' deploy '{"environment": "prod"}'
	refused "and there is nothing to go back to" 'has no app' deploy '{"release": "previous"}'
}

page_says() {
	put Containerfile <<<'FROM localhost/appx/static
COPY --chmod=0644 index.html /srv/www/'
	put index.html <<<"<p>$1</p>"
}

first_deploy() {
	page_says "release one"
	gives "the first deploy succeeds" '"status": ?"done"' deploy
	must "and the host reaches it" page_has "$(port dev)" "release one"
	gives "it is listed as it is wanted and as it is" '"release": ?1.*"wanted": ?"running".*"state": ?"running"' apps
	gives "its steps are told" 'building release 1 from Containerfile.*step 1 of [0-9]+.*release 1 runs on port' \
		api GET "/v1/projects/$project/deployments/1"
	gives "the release names its sources" '"checkpoint": ?"[0-9a-f]{40}"' api GET "/v1/projects/$project/releases"
}

redeploy_and_break() {
	page_says "release two"
	gives "the second deploy succeeds" '"status": ?"done"' deploy
	must "and takes the place of the first" page_has "$(port dev)" "release two"
	put Containerfile <<<'FROM localhost/appx/static
RUN echo the reason is here; exit 3'
	gives "a build that fails says so" '"status": ?"failed".*The build of Containerfile' deploy
	gives "with its last lines" 'the reason is here' api GET "/v1/projects/$project/deployments/3"
	must "and the old one still answers" page_has "$(port dev)" "release two"
	put Containerfile <<<'FROM localhost/appx/static
ENTRYPOINT []
CMD ["sh", "-c", "echo I cannot start; exit 7"]'
	gives "an app that ends at once fails with its exit code" 'exit code 7' deploy
	gives "and what it logged" 'I cannot start' api GET "/v1/projects/$project/deployments/4"
	must "and the old one never went away" page_has "$(port dev)" "release two"
	gives "a release that never ran is not kept" '^2 1 $' numbers
	gives "no trial is left behind" '^verify-apps-app-dev$' containers
}

numbers() { api GET "/v1/projects/$project/releases" | field '" ".join(str(each["number"]) for each in d["releases"]) + " "'; }
containers() { as_project "$project" podman ps --all --format '{{.Names}}' --filter "label=appx.project=$project"; }

promote_and_roll_back() {
	gives "PROD gets what DEV has" '"status": ?"done"' deploy '{"environment": "prod"}'
	gives "and it is the very image" '^same$' same_image
	must "and the host reaches it" page_has "$(port prod)" "release two"
	gives "DEV goes back to the release before" '"status": ?"done"' deploy '{"release": "previous"}'
	must "which answers at once" page_has "$(port dev)" "release one"
	must "while PROD is as it was" page_has "$(port prod)" "release two"
	refused "a release that is not there is not gone back to" 'release not found: 99' deploy '{"release": 99}'
}

same_image() {
	if [[ $(image_of dev) == "$(image_of prod)" ]]; then echo same; fi
}

image_of() { as_project "$project" podman inspect --format '{{.Image}}' "$project-app-$1"; }

# shellcheck disable=SC2016 # the shell in the app
variables() {
	local place="/v1/projects/$project/apps/dev"
	must "a variable is set" api PUT "$place/variables/GREETING" '{"value": "two\nlines of $HOME"}'
	gives "its name is told" 'GREETING' api GET "$place/variables"
	gives "and not what it holds" '^hidden$' hidden "lines of" api GET "$place/variables"
	refused "a name that is none is refused" 'no name of a variable' api PUT "$place/variables/1x" '{"value": ""}'
	refused "and one that is ours" 'set by appx' api PUT "$place/variables/PORT" '{"value": "1"}'
	must "a restart gives it to the app" api POST "$place/restart"
	gives "as it was given" "^'two"$'\n''lines of \$HOME'"'$" as_project "$project" podman exec "$project-app-dev" sh -c "printf \"'%s'\" \"\$GREETING\""
	gives "no inspection of the container shows it" '^hidden$' hidden "lines of" as_project "$project" podman inspect "$project-app-dev"
	gives "and no image" '^hidden$' hidden "lines of" as_project "$project" podman image inspect "localhost/$project:r1"
	must "it is taken away" api DELETE "$place/variables/GREETING"
	must "and is gone after a restart" api POST "$place/restart"
	gives "for the app" '^$' as_project "$project" podman exec "$project-app-dev" sh -c 'echo "$GREETING"'
	gives "and for podman" '^$' as_project "$project" podman secret ls --quiet
}

hidden() {
	local word="$1"
	shift
	if "$@" | grep -aqF "$word"; then echo "it is there"; else echo hidden; fi
}

stop_and_start() {
	must "an app is stopped" api POST "/v1/projects/$project/apps/dev/stop"
	must "and answers no more" not page "$(port dev)"
	must "it is started again" api POST "/v1/projects/$project/apps/dev/start"
	must "with the release that it had" page_has "$(port dev)" "release one"
	gives "its log is read" 'server started' api GET "/v1/projects/$project/apps/dev/logs?lines=50"
}

over_the_command_line() {
	page_says "release by appx deploy"
	gives "appx deploy shows its steps and where it runs" 'building release.*runs on port' one_line as_appx appx deploy "$project"
	must "and it runs" page_has "$(port dev)" "release by appx deploy"
	gives "appx app status names both environments" "dev .*http://localhost:$(port dev).*prod .*http://localhost:$(port prod)" \
		one_line as_appx appx app status "$project"
	gives "appx rollback goes back" 'release 1 runs' as_appx appx rollback "$project"
	put Containerfile <<<'FROM localhost/appx/nothing'
	refused "appx deploy that fails says why, and its exit code tells" 'The build of Containerfile' as_appx appx deploy "$project"
	page_says "release one"
}

one_line() { "$@" | tr '\n' ' '; }

# Containers of its own still work, and are told apart.
by_the_agent() {
	as_project "$project" podman run --detach --pull=never --label "appx.project=$project" --name "$project-own" localhost/appx/static >/dev/null
	gives "a container of the agent's own is shown as such" '"unmanaged": ?\[\{"name": ?"verify-apps-own"' apps
}

# While a new release is tried that takes its time: what ran goes on, and nothing of the trial stays.
the_server_is_killed() {
	put Containerfile <<<'FROM localhost/appx/static
ENTRYPOINT []
CMD ["sleep", "1000"]'
	gives "a deploy that takes its time is begun" '"status": ?"running"' deploy '{"wait": false}'
	soon "and its trial runs" 30 trial_runs
	as_appx kill -KILL "$(as_root s6-svstat -o pid /run/service/server)"
	soon "the server that is killed then is back" 15 is_ready
	gives "and says that the deployment was interrupted" '"status": ?"interrupted"' api GET "/v1/projects/$project/deployments?limit=1"
	must "the old release never went away" page_has "$(port dev)" "release one"
	soon "the trial goes" 20 not trial_runs
	page_says "release one"
}

trial_runs() { containers | grep -qx "$project-app-dev.next"; }

restarted() {
	must "PROD is stopped" api POST "/v1/projects/$project/apps/prod/stop"
	engine kill --signal KILL "$BUILDER" >/dev/null
	start_it
	soon "after kill -9 of the container DEV runs again on its port" 60 page_has "$(port dev)" "release one"
	gives "and PROD stays stopped" '"environment": ?"prod"[^}]*"wanted": ?"stopped"' apps
	must "and answers nothing" not page "$(port prod)"
	must "until it is started" api POST "/v1/projects/$project/apps/prod/start"
	must "with what it had" page_has "$(port prod)" "release two"
}

gone() {
	local dev prod
	dev="$(port dev)" prod="$(port prod)"
	must "deleting the project succeeds" api DELETE "/v1/projects/$project"
	soon "and takes DEV with it" 10 not page "$dev"
	must "and PROD" not page "$prod"
}

main "$@"
