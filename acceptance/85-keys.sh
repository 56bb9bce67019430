#!/usr/bin/env bash
# The keys: the server has them, and nothing else does, inspect included. Each is random and of this run, so finding one proves a leak.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=keyed.sh
source "$here/keyed.sh"

plant="planted-$RANDOM$RANDOM$RANDOM"

main() {
	own_container "no key is found in logs, events, files, processes, apps or the image" || return 0
	start_with_keys
	must "the server has the keys" server_has_them
	what_the_host_sees
	a_new_key_needs_no_new_container
	an_agent_that_looks_for_keys
	what_the_builder_can_read
	what_apps_get
	what_is_shown
	verdict
}

# It says so itself, and its own file has each.
server_has_them() {
	local name value
	while IFS='=' read -r name value; do [[ $(handed "$name") == "$value" ]] || return 1; done <"$secrets"
	api GET /v1/auth/providers >"$RUN/providers"
	for name in anthropic openai google litellm; do
		field "[row['source'] for row in d['providers'] if row['provider'] == '$name'] == ['environment'] or 1 / 0" <"$RUN/providers" || return 1
	done
}

what_the_host_sees() {
	without_keys "the engine's inspect of the container" engine container inspect "$BUILDER"
	without_keys "the environment or the command line of a process of root" own_processes as_root
	without_keys "the environment or the command line of a process of the server" own_processes as_appx
	without_keys "the environment or the command line of a process of the builder" own_processes as_builder
	without_keys "run.sh --print" with_keys run_sh --print
	gives "only the server may read the file that they are kept in" '^appx 600$' \
		as_appx stat --format '%U %a' /workspace/.pi-global/handed.json
}

# Nobody in the container may read another user's, so each is asked for those of its own.
# shellcheck disable=SC2016 # the shell inside
own_processes() { "$1" sh -c 'cat /proc/1/comm; for each in /proc/[0-9]*; do cat "$each/environ" "$each/cmdline"; done 2>/dev/null; true'; }

a_new_key_needs_no_new_container() {
	local before
	before="$(which_container)"
	sed -i "s/^ANTHROPIC_API_KEY=.*/ANTHROPIC_API_KEY=sk-canary-$(random_word)/" "$secrets"
	needles >>"$RUN/needles"
	gives "run.sh with another key hands it over" 'ANTHROPIC_API_KEY has changed' with_keys run_sh
	must "the server has it" server_has_them
	gives "in the same container, which was not started again" "^equal$" same_container "$before"
	gives "run.sh without the keys leaves them, and says so" 'OPENAI_API_KEY is still there from before' run_sh
	engine restart --time 20 "$BUILDER" >/dev/null
	soon "after a restart of the container it is ready again" 60 is_ready
	must "and the server still has all of them" server_has_them
}

which_container() { engine container inspect --format '{{.Id}} {{.State.StartedAt}}' "$BUILDER"; }

same_container() { if [[ "$(which_container)" == "$1" ]]; then echo equal; else which_container; fi; }

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
	as_project "$project" sh -c "mkdir -p planted; echo $plant >planted/file"
	engine exec --detach "$BUILDER" as-project "$project" env "PLANTED=$plant" sleep $((100 * slow)) >/dev/null
	{
		printf '%s\n' "$plant"
		cat "$RUN/needles"
	} | probe feed_the_project sweep >"$RUN/sweep"
	gives "a search as the project's account finds what was planted in a file" "/planted/file secret 0" cat "$RUN/sweep"
	gives "and in the environment of a process" "/proc/[0-9]+/environ secret 0" cat "$RUN/sweep"
	gives "it finds no key in any file, environment or command line" '^$' grep_or_nothing -v 'secret 0$|^looked at' "$RUN/sweep"
}

feed_the_project() { feed_project "$project" "$@"; }

grep_or_nothing() { grep -E "$@" || true; }

what_apps_get() {
	as_project "$project" podman run --detach --pull=never --name verify-keys localhost/appx/base sleep infinity >/dev/null
	without_keys "an app's environment" as_project "$project" podman exec verify-keys env
	# shellcheck disable=SC2016 # the shell inside
	without_keys "podman inspect of every app" as_project "$project" sh -c 'podman inspect $(podman ps --all --quiet)'
	without_keys "the environment of a build" build_that_prints_its_environment
	without_keys "the workbench's own environment" workbench_environment
}

build_that_prints_its_environment() {
	feed_project "$project" podman build --pull=never --no-cache - 2>&1 <<-TEXT
		FROM localhost/appx/base
		RUN env
	TEXT
}

# shellcheck disable=SC2016 # the shell inside
workbench_environment() { as_project "$project" sh -c 'cat "/proc/$(pgrep --full "[/]appx workbench")/environ"'; }

what_is_shown() {
	local base="/v1/projects/$project/sessions/$session"
	without_keys "the container's log" engine logs "$BUILDER"
	without_keys "the transcript" api GET "$base"
	without_keys "the event stream" events "$base/events?after=0"
	without_keys "the lean event stream" events "$base/events?after=0&deltas=lean"
	without_keys "what the model was sent" bodies
	without_keys "the image's history" engine image history --no-trunc "$IMAGE"
	without_keys "the image's configuration" engine image inspect "$IMAGE"
	without_keys "the project's repository" as_project "$project" sh -c "git log --all --patch && echo all of it"
}

# The stream does not end by itself; a second is enough for what is stored.
events() {
	curl --silent --noproxy '*' --max-time $((2 * slow)) --config <(printf 'header = "Authorization: Bearer %s"\n' "$(token)") \
		"http://$(host_address 4001)$1" || (($? == 28))
}

bodies() { requests | python3 -I -c 'import json, sys; [print(json.dumps(json.loads(line)["body"])) for line in sys.stdin]'; }

main "$@"
