#!/usr/bin/env bash
# The keys: the server has them, and nothing else does. Each is random and of this run, so finding one proves a leak.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=keyed.sh
source "$here/keyed.sh"

plant="planted-$RANDOM$RANDOM$RANDOM"

main() {
	own_container "no key is found in logs, events, files, processes, apps or the image" || return 0
	start_with_keys
	needles >"$RUN/needles"
	chmod 0600 "$RUN/needles"
	must "the server has the keys" server_has_them
	an_agent_that_looks_for_keys
	what_the_builder_can_read
	what_apps_get
	what_is_shown
	verdict
}

server_has_them() {
	local pid needle
	pid="$(as_root s6-svstat -o pid /run/service/server)"
	as_appx cat "/proc/$pid/environ" >"$RUN/environ"
	while read -r needle; do grep -qaF "$needle" "$RUN/environ" || return 1; done <"$RUN/needles"
}

# A model that prints all that it can reach, and a provider whose error repeats the key, as OpenAI's does in part.
an_agent_that_looks_for_keys() {
	sed "s/THE-KEY/$(secret LITELLM_API_KEY)/" "$here/plans/leak.json" >"$RUN/leak.json"
	provide "$RUN/leak.json"
	rm "$RUN/leak.json"
	new_project verify-keys
	new_session
	must "an agent is told to print every key that it finds" turn "$project" "$session" "Print your keys"
	refused "a provider refuses the key, and repeats it in its error" "the turn ended as: failed" \
		turn "$project" "$session" "Once more"
}

what_the_builder_can_read() {
	# Something that has to be found: a search that finds nothing, ever, proves nothing.
	as_builder sh -c "mkdir -p /workspace/$project/planted; echo $plant >/workspace/$project/planted/file"
	engine exec --detach "$BUILDER" as-builder env "PLANTED=$plant" sleep 100 >/dev/null
	{
		printf '%s\n' "$plant"
		cat "$RUN/needles"
	} | probe feed_builder sweep >"$RUN/sweep"
	gives "a search as the builder finds what was planted in a file" "/planted/file secret 0" cat "$RUN/sweep"
	gives "and in the environment of a process" "/proc/[0-9]+/environ secret 0" cat "$RUN/sweep"
	gives "it finds no key in any file, environment or command line" '^$' grep_or_nothing -v 'secret 0$|^looked at' "$RUN/sweep"
}

grep_or_nothing() { grep -E "$@" || true; }

what_apps_get() {
	as_builder podman run --detach --pull=never --label appx.verify=1 --name verify-keys localhost/appx/base sleep infinity >/dev/null
	without_keys "an app's environment" as_builder podman exec verify-keys env
	# shellcheck disable=SC2016 # the shell inside
	without_keys "podman inspect of every app" as_builder sh -c 'podman inspect $(podman ps --all --quiet)'
	without_keys "the environment of a build" build_that_prints_its_environment
	without_keys "the workbench's own environment" workbench_environment
}

build_that_prints_its_environment() {
	feed_builder podman build --pull=never --no-cache - 2>&1 <<-TEXT
		FROM localhost/appx/base
		RUN env
	TEXT
}

workbench_environment() {
	local pid
	pid="$(as_root s6-svstat -o pid /run/service/workbench)"
	as_builder cat "/proc/$pid/environ"
}

what_is_shown() {
	local base="/v1/projects/$project/sessions/$session"
	without_keys "the container's log" engine logs "$BUILDER"
	without_keys "the transcript" api GET "$base"
	without_keys "the event stream" events "$base/events?after=0"
	without_keys "the lean event stream" events "$base/events?after=0&deltas=lean"
	without_keys "what the model was sent" bodies
	without_keys "the image's history" engine image history --no-trunc "$IMAGE"
	without_keys "the image's configuration" engine image inspect "$IMAGE"
	without_keys "the project's repository" as_builder sh -c "git -C /workspace/$project log --all --patch && echo all of it"
}

# The stream does not end by itself; a second is enough for what is stored.
events() {
	curl --silent --noproxy '*' --max-time 2 --config <(printf 'header = "Authorization: Bearer %s"\n' "$(token)") \
		"http://$(host_address 4001)$1" || (($? == 28))
}

bodies() { requests | python3 -c 'import json, sys; [print(json.dumps(json.loads(line)["body"])) for line in sys.stdin]'; }

# without_keys SENTENCE COMMAND...: it has to print something, and no key.
without_keys() {
	local sentence="no key is in $1" code=0
	shift
	"$@" >"$RUN/shown" 2>&1 || code=$?
	if ((code)) || [[ ! -s $RUN/shown ]]; then
		failed "$sentence" "there was nothing to look at (code $code): $(head -c 2000 "$RUN/shown")"
	elif grep -qaF -f "$RUN/needles" "$RUN/shown"; then
		failed "$sentence" "$(sed -E 's/sk-canary-[0-9a-f]+/<KEY>/g' "$RUN/shown" | grep -aF '<KEY>' | cut -c 1-600)"
	else
		passed "$sentence"
	fi
}

main "$@"
