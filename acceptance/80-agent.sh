#!/usr/bin/env bash
# A whole turn with a model: an OpenAI-compatible provider that follows a plan stands in for the real one.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=keyed.sh
source "$here/keyed.sh"

main() {
	own_container "a model behind an OpenAI-compatible server builds a page" || return 0
	start_with_keys
	provide "$here/plans/page.json"
	builds_a_page
	instructions_of_the_workspace_and_of_a_project
	provide "$here/plans/mcp.json"
	servers_of_mcp
	verdict
}

builds_a_page() {
	new_project verify-agent
	new_session
	must "a prompt is carried out by litellm/openai/gpt-5.5" record "Build me a page"
	gives "the model is asked for by its name" '"model": "openai/gpt-5.5"' requests
	gives "with the key of that provider" "\"authorization\": \"Bearer $(secret LITELLM_API_KEY)\"" requests
	gives "what its tools found goes back to it" '"role": "tool"' requests
	gives "the model wrote index.html" 'Written by a planned model' as_project "$project" cat index.html
	must "and ran podman itself: the page is reached from the host" page_has "$(port_of "$project")" "Written by a planned model"
	gives "the transcript has the last answer" 'The page is up' api GET "/v1/projects/$project/sessions/$session"
}

record() { turn "$project" "$session" "$1" >"$RUN/agent.jsonl"; }

instructions_of_the_workspace_and_of_a_project() {
	local general
	general="$(as_builder cat /workspace/.pi-global/AGENTS.md)"
	must "the model is told the builder prompt" told "$general"
	feed_project "$project" sh -c 'mkdir -p .pi; cat >.pi/AGENTS.md' <<<"Only this project has these words."
	new_session
	must "a turn with the project's own .pi/AGENTS.md" turn "$project" "$session" "Build me a page"
	must "the model is told the project's own instructions" told "Only this project has these words."
	must "in place of the builder prompt" not told "$general"
}

servers_of_mcp() {
	new_project verify-mcp
	new_session
	feed_project "$project" sh -c 'mkdir -p .pi; cat >who.py' <"$here/inside/mcp_uid.py"
	feed_project "$project" sh -c 'cat >.pi/mcp.json' <<<'{"mcpServers": {"who": {"command": "/opt/appx/bin/python", "args": ["who.py"]}, "gone": {"command": "no-such-program"}}}'
	must "a turn with a tool of an MCP server, beside one that cannot be started" record "Ask the server"
	gives "the server runs as the project's account, and finds no key" "uid $(as_project "$project" id -u) secrets \[\]" cat "$RUN/agent.jsonl"
	gives "the person is told which one does not work" 'no-such-program' cat "$RUN/agent.jsonl"
	gives "and the API says it" '"state": ?"failed"' api GET "/v1/projects/$project/mcp"
	must "its process stays for the next turn" as_builder pgrep -f who.py
	must "with the project its servers end" api DELETE "/v1/projects/$project"
	must "all of them" not as_builder pgrep -f who.py
}

told() {
	instructions >"$RUN/instructions" || return 1
	python3 -I -c 'import sys; sys.exit(sys.argv[1].strip() not in open(sys.argv[2]).read())' "$1" "$RUN/instructions"
}

main "$@"
