#!/usr/bin/env bash
# The first prompt, without any key: the scripted demo writes a page, builds an image, runs it and names the URL.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

main() {
	if ! demo_is_the_model; then
		skipped "the demo builds a page from the first prompt" "this builder has another default model"
		return 0
	fi
	over_the_api
	over_the_chat
	verdict
}

# The only model of a builder without keys.
demo_is_the_model() { ! as_appx sh -c 'env' | grep -qE '^(ANTHROPIC|OPENAI|GEMINI|GOOGLE|LITELLM)_[A-Z_]+='; }

# The user's way names no port and gets the first. A builder in use may have an app there.
place() { if [[ $OWN == no ]]; then free_port; fi; }

over_the_api() {
	local port
	port="$(place)"
	# shellcheck disable=SC2086 # no port, no argument
	new_project verify-demo $port
	port="${port:-${APPX_APP_PORTS%-*}}"
	new_session
	must "a prompt over the API is carried out" record "A page that says: verify me over the API"
	gives "the model wrote files with its tool" '"toolName": ?"write"' cat "$RUN/demo.jsonl"
	gives "and deployed them with another" '"toolName": ?"deploy".*"isError": ?false' cat "$RUN/demo.jsonl"
	gives "the answer names the URL of the page" "http://localhost:$port" last_answer
	must "the page is reached from the host" page_has "$port" "verify me over the API"
	gives "its container carries the project's label" "$project-app-dev" \
		as_project "$project" podman ps --filter "label=appx.project=$project" --format '{{.Names}}'
	account="$(account_of "$project")"
	must "deleting the project succeeds" api DELETE "/v1/projects/$project"
	soon "and takes its container and port with it" 10 not page "$port"
	gives "and its images" '^$' images_left
	must "and its directory" as_builder test ! -e "/workspace/$project"
	refused "and the project itself" 'project not found' api GET "/v1/projects/$project"
}

# Of an account that is one project's nothing at all is left.
images_left() {
	if [[ $account == builder ]]; then
		as_builder podman images --quiet --filter "label=appx.project=$project"
	else
		as_account "$account" find "/home/$account/" -mindepth 1 ! -path "/home/$account/slash-tmp"
	fi
}

record() { turn "$project" "$session" "$1" >"$RUN/demo.jsonl"; }

last_answer() {
	api GET "/v1/projects/$project/sessions/$session" | field 'd["messages"][-1]'
}

over_the_chat() {
	local port
	port="$(place)"
	# shellcheck disable=SC2086
	new_project verify-chat $port
	must "appx chat builds a page as well" chat "A page that says: verify me in the chat"
	gives "it names the URL" "http://localhost:${port:-${APPX_APP_PORTS%-*}}" cat "$RUN/chat"
	gives "and shows every word of the agent" "Now I build the image, start the container and look whether it answers\." cat "$RUN/chat"
	must "the page is reached from the host" page_has "${port:-${APPX_APP_PORTS%-*}}" "verify me in the chat"
	gives "appx chat shows a command that fails, and goes on" "It failed" as_appx appx chat verify-chat "run: false"
}

chat() { as_appx appx chat verify-chat "$1" >"$RUN/chat"; }

main "$@"
