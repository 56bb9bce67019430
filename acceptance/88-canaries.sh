#!/usr/bin/env bash
# The canaries: after all the others, the planted keys are searched for everywhere, also where only root may look.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=keyed.sh
source "$here/keyed.sh"

plant="planted-$RANDOM$RANDOM$RANDOM"

main() {
	own_container "no planted key is anywhere but with the server" || return 0
	start_with_keys
	{
		printf '%s\n' "$plant"
		needles
	} >"$RUN/canaries"
	chmod 0600 "$RUN/canaries"
	for_everybody
	for_the_server
	for_apps_and_builds
	for_the_engine
	for_odd_requests
	verdict
}

# search WHO SENTENCE ALLOWED: no place but those that match; the planted one has to be found, else nobody looked.
search() {
	local who="$1" sentence="$2" allowed="$3"
	probe "$who" sweep deep <"$RUN/canaries" >"$RUN/found" || true
	gives "the search as ${who#feed_} finds what was planted" ' secret 0$' grep -m 1 ' secret 0$' "$RUN/found"
	gives "$sentence" '^nothing$' others "$allowed"
}

others() { grep -vE "(^looked at| secret 0\$|$1)" "$RUN/found" || echo nothing; }

for_everybody() {
	new_project verify-canaries
	must "a project runs a container" as_project "$project" \
		podman run --detach --pull=never --label "appx.project=$project" localhost/appx/base sleep $((300 * slow))
	as_project "$project" sh -c "echo $plant >verify-planted"
	search feed_it "as a project's account no key is found: files, environments, command lines, maps, memory, sockets" 'nowhere'
	as_project "$project" rm -f verify-planted
	as_builder sh -c "echo $plant >/tmp/verify-planted"
	search feed_builder "nor as the builder" 'nowhere'
	as_builder rm -f /tmp/verify-planted
}

feed_it() { feed_project "$project" "$@"; }

# The server has the keys in its memory, and in the one file that it keeps those in which run.sh handed over. What is
# in /tmp/provider belongs to the planned provider of the files before: it writes down what it is asked, its key too.
for_the_server() {
	as_appx sh -c "echo $plant >/tmp/verify-planted"
	search feed_appx "as the server only in its memory and the file for them: in no other file, database, log or volume" \
		'^(/proc/[0-9]+/mem|/workspace/.pi-global/handed.json|/tmp/provider/(requests.jsonl|plan.json)) '
	as_appx rm -f /tmp/verify-planted
	must "no key is in a backup" backup_has_none
}

backup_has_none() {
	as_appx appx backup - >"$RUN/canary-backup" || return 1
	[[ -s $RUN/canary-backup ]] || return 1
	gzip --decompress --stdout <"$RUN/canary-backup" >"$RUN/canary-tar"
	not grep -qaF -f "$RUN/canaries" "$RUN/canary-tar"
}

for_apps_and_builds() {
	as_project "$project" podman run --rm --pull=never --volume verify-canaries:/kept localhost/appx/base sh -c "echo $plant >/kept/planted"
	gives "the search of podman's storage finds what was planted in a volume" '^found$' in_the_storage "$RUN/canaries"
	as_project "$project" podman volume rm verify-canaries >/dev/null
	gives "no key is in an image, a layer, a container or a volume of podman" '^nothing$' in_the_storage "$RUN/canaries"
	must "nor in what podman says of images, containers, volumes, networks" nothing_in podman_says
}

# The storage as its owner sees it, in podman's namespace: also what belongs to the ids of apps.
in_the_storage() {
	local code=0
	# shellcheck disable=SC2016 # the shell inside
	feed_it sh -c 'exec podman unshare grep -rqaF --devices=skip --exclude-dir="p[0-9][0-9][0-9]" -f - "$(podman info --format "{{.Store.GraphRoot}}")"' \
		<"$1" || code=$?
	case $code in
	0) echo found ;;
	1) echo nothing ;;
	*) return "$code" ;;
	esac
}

# shellcheck disable=SC2016 # the shell inside
podman_says() {
	as_project "$project" sh -c 'podman inspect $(podman images --quiet --all) $(podman ps --all --quiet); podman info
		podman volume inspect --all; podman network inspect $(podman network ls --quiet); podman events --stream=false; true'
}

for_the_engine() {
	must "no key is in the container's log" nothing_in engine logs "$BUILDER"
	must "nor among the engine's command lines" nothing_in cat "$RUN/keyed.log"
	must "nor in the image, history and configuration" nothing_in image_says
	must "nor in what the container wrote to its own layer" nothing_in engine diff "$BUILDER"
}

image_says() { engine image history --no-trunc "$IMAGE" && engine image inspect "$IMAGE"; }

# nothing_in COMMAND...: it has to run, and says no key.
nothing_in() {
	"$@" >"$RUN/said" 2>&1 || return 1
	not grep -qaF -f "$RUN/canaries" "$RUN/said"
}

for_odd_requests() {
	must "no answer has a key: routes that are there, routes that are not, bodies that are none" nothing_in odd_requests
}

odd_requests() {
	local path method header
	header="Authorization: Bearer $(token)"
	for path in / /docs /openapi.json /v1 /v1/nothing /v1/projects/%00 /v1/projects/../../etc /v1/models /v1/auth/providers \
		/v1/settings /v1/usage /v1/readyz "/login?code=$plant$plant"; do
		for method in GET POST PUT PATCH DELETE; do
			curl --silent --noproxy '*' --include --max-time $((5 * slow)) --request "$method" --data '{"key": [' \
				--config <(printf 'header = "%s"\n' "$header") "http://$(host_address 4001)$path" | grep -vaF "$plant" || true
		done
	done
}

main "$@"
