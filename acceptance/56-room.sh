#!/usr/bin/env bash
# Room: ports that are used up and a disk that is are said, with what to do; what builds leave goes, and never under a
# build; what happens to apps is told.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

main() {
	new_project verify-told
	happens
	if own_container "a builder with two ports says when they are used up, and a small disk is kept"; then
		small
		ports
		disk
		garbage
		again
	fi
	verdict
}

deploy() { api POST "/v1/projects/$project/deployments" "${1:-{\}}"; }
put() { feed_project "$project" sh -c "cat >$1"; }
# What a project with its own page needs.
page_says() {
	put Containerfile <<<'FROM localhost/appx/static
COPY --chmod=0644 index.html /srv/www/'
	put index.html <<<"<p>$1</p>"
}

# --- events -----------------------------------------------------------------------------------------------------------

happens() {
	local reader
	events "" >"$RUN/events" 2>/dev/null &
	reader=$!
	soon "events of apps are followed" 20 grep -q connected "$RUN/events"
	page_says told
	must "while the project is deployed" deploy
	as_project "$project" podman run --detach --pull=never --restart=on-failure:1 --label "appx.project=$project" --name verify-flaps \
		localhost/appx/base sh -c 'exit 3' >/dev/null
	soon "a deployment is told as it begins and as it ends" 20 told '"deployment":.*"status": ?"running"' '"deployment":.*"status": ?"done"'
	soon "and that its container started" 20 told '"app": ?"started".*"environment": ?"dev".*"release": ?1'
	soon "an end has its exit code, and a restart by policy is told" 20 told '"ended".*"verify-flaps".*"exitCode": ?3' '"restarted".*"verify-flaps"'
	kill "$reader" 2>/dev/null || true
	soon "who leaves ends the command in the project" 20 not follows
	gives "who comes back with the last id is told the rest" '"ended"' rest
	gives "appx app events tells it in words" 'deployment 1 \(deploy of dev\) done' in_words
}

# events QUERY: for a while. To end it is to end the subshell that it is in.
events() {
	exec curl --silent --no-buffer --noproxy '*' --max-time $((60 * slow)) \
		--config <(printf 'header = "Authorization: Bearer %s"\n' "$(token)") "http://$(host_address 4001)/v1/projects/$project/apps/events$1"
}

in_words() { ends_at_as_appx 'deployment 1 .* done' appx app events "$project" --known; }

told() {
	local each
	for each in "$@"; do grep -qE "$each" "$RUN/events" || return 1; done
}

follows() { as_project "$project" pgrep -f '^/usr/bin/podman events|^podman events'; }

# After the first start there is still the end; what was told before is not told again.
rest() {
	local id
	id="$(grep -B 1 '"started"' "$RUN/events" | sed -n 's/^id: //p' | head -n 1)"
	ends_at '"ended"' curl --silent --no-buffer --noproxy '*' \
		--config <(printf 'header = "Authorization: Bearer %s"\n' "$(token)") --header "Last-Event-ID: $id" \
		"http://$(host_address 4001)/v1/projects/$project/apps/events" >"$RUN/rest"
	if grep -q "^id: $id\$" "$RUN/rest"; then return 1; fi
	cat "$RUN/rest"
}

# --- a small builder ----------------------------------------------------------------------------------------------------

small() {
	engine rm --force "$BUILDER" >/dev/null
	APPX_APP_PORTS="${APPX_APP_PORTS%-*}-$((${APPX_APP_PORTS%-*} + 1))" APPX_PROJECT_DISK=400 APPX_IMAGE_ROOM=0 start_it
}

again() {
	engine rm --force "$BUILDER" >/dev/null
	start_it
}

# verify-told has them both.
ports() {
	new_project verify-third
	gives "a project for which no port is left is told so in its file" '^No published port is free' note
	gives "and not who has them" '^hidden$' hidden "verify-told" as_project "$project" cat .pi/deployment.json
	page_says third
	gives "it deploys, and the answer says that nobody outside reaches it, and what to do" \
		'"done".*nobody outside reaches it.*all 2 ports.*delete a project.*APPX_APP_PORTS' deploy
	gives "and the operator who has the ports" 'Ports are leased to: verify-told \(dev [0-9]+, prod [0-9]+\)' \
		api GET "/v1/projects/$project/deployments/1"
	gives "and so does appx app status" 'no published port.*verify-told' one_line as_appx appx app status "$project"
	gives "the steps name no other project" '^hidden$' hidden "verify-told" steps
	must "the other project is deleted" api DELETE /v1/projects/verify-told
	must "and a restart gives the app that port" api POST "/v1/projects/$project/apps/dev/restart"
	must "on which the host reaches it" page_has "$(port_of "$project")" third
	gives "its file says so, too" '^null$' note
}

note() { as_project "$project" jq --raw-output .dev.note .pi/deployment.json; }
steps() { api GET "/v1/projects/$project/deployments/1" | field '" ".join(d["steps"])'; }
one_line() { "$@" | tr '\n' ' '; }

hidden() {
	local word="$1"
	shift
	if "$@" | grep -aqF "$word"; then echo "it is there"; else echo hidden; fi
}

disk() {
	as_project "$project" podman run --detach --pull=never --name verify-hog localhost/appx/base \
		sh -c 'head -c 200000000 /dev/zero >/big; sleep 1000' >/dev/null
	soon "what the agent's own container writes counts" 30 writes
	refused "a project that takes more than it may builds nothing, and is told what takes how much" \
		'may take 400 \(APPX_PROJECT_DISK\): images [0-9]+ MiB, the container verify-hog [0-9]+ MiB' as_appx appx deploy "$project"
	must "and what ran goes on" page_has "$(port_of "$project")" third
	as_project "$project" podman rm --force --time 0 verify-hog >/dev/null
	gives "with room it deploys at once" '"status": ?"done"' deploy
	gives "appx app disk says what takes how much" ' of 400 MiB.* images.* container verify-third-app-dev' \
		one_line as_appx appx app disk "$project"
}

writes() { as_project "$project" podman exec verify-hog test "$(as_project "$project" podman exec verify-hog stat -c %s /big)" -ge 200000000; }

garbage() {
	recipe one 0
	as_project "$project" podman build --quiet --file recipe . >/dev/null
	recipe two 0
	as_project "$project" podman build --quiet --file recipe --tag localhost/verify-named . >/dev/null
	recipe three 600
	# shellcheck disable=SC2016 # the shell inside
	engine exec --detach "$BUILDER" as-project "$project" sh -c 'echo $$ >building; exec podman build --file recipe .'
	soon "another build is under way" 20 as_project "$project" pgrep -f '[s]leep 600'
	# shellcheck disable=SC2016 # the shell inside
	as_project "$project" sh -c 'kill -KILL "$(cat building)"; pkill -f "[s]leep 600"'
	must "there is an image without a name, and what a killed build left" left unnamed working
	must "while a build runs" begin_to_build
	gives "a deploy succeeds" '"status": ?"done"' deploy
	must "and a restart, which waits for what removes" api POST "/v1/projects/$project/apps/dev/restart"
	must "and removes nothing under it" left unnamed
	as_project "$project" touch go
	soon "the build comes to its end" 30 as_project "$project" podman image exists localhost/verify-slow
	gives "the next deploy succeeds" '"status": ?"done"' deploy
	soon "then the image without a name is gone" 20 not left unnamed
	soon "and what the killed build left" 20 not left working
	must "an image with a name stays" as_project "$project" podman image exists localhost/verify-named
	gives "and the kept releases can be gone back to" '"status": ?"done"' deploy '{"release": 1}'
}

# left WHAT...: whether all of it is there.
left() {
	local each
	for each in "$@"; do
		case $each in
		unnamed) [[ -n $(as_project "$project" podman images --quiet --filter dangling=true) ]] || return 1 ;;
		working) [[ $(as_project "$project" podman ps --all --external --format '{{.Status}}') == *Storage* ]] || return 1 ;;
		esac
	done
}

recipe() {
	put recipe <<<"FROM localhost/appx/base
RUN echo $1
RUN sleep $2"
}

begin_to_build() {
	as_project "$project" rm -f go
	put slow <<<'FROM localhost/appx/base
RUN --mount=type=bind,target=/here until test -e /here/go; do sleep 0.2; done'
	engine exec --detach "$BUILDER" as-project "$project" podman build --file slow --tag localhost/verify-slow .
	within 20 as_project "$project" pgrep -f 'test -e /here/go'
}

main "$@"
