#!/usr/bin/env bash
# Apps ask models: off until a person says so, without a key of any provider, within a budget, and nothing else is there.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=keyed.sh
source "$here/keyed.sh"

# src/appx/gateway/place.py
llm=http://llm.appx.internal/v1

app_token=none

main() {
	own_container "apps ask models, where a person lets them" || return 0
	start_with_keys
	provide "$here/plans/leak.json"
	new_project verify-models
	off_by_default
	switched_on
	with_the_key_of_the_server
	nothing_else_is_there
	budget_spent
	verdict
}

off_by_default() {
	gives "an app finds it by its name" '^10\.255\.255\.1 ' inner localhost/appx/base getent hosts llm.appx.internal
	refused "an app of which nobody knows the project is not answered" '^401 .*--new-token' ask /chat/completions "$(hello)"
	app_token="$(access --new-token | sed -n 's/^token: //p')"
	refused "it is off until a person switches it on" '^403 .*Model access is off for the project' ask /chat/completions "$(hello)"
	refused "it is not switched on without a budget" 'without a budget' access --on
}

switched_on() {
	gives "a person switches it on" 'model access is on' access --on --day-tokens 20000
	gives "an app gets the answer of the scripted model" '^200 .*"content": ?"hello"' ask /chat/completions "$(hello)"
	gives "and on a network of its project" '^200 .*"content": ?"hello"' ask_on_a_network
	gives "and a piece at a time" 'data: \[DONE\]' ask /chat/completions "$(hello '"stream": true, ')"
	gives "it sees which models there are" '"id": ?"scripted/demo"' ask /models
	gives "what it took is counted" 'in all: 3 replies' access
	gives "and is in the ledger as what apps took" "verify-models/app +3 " as_appx appx usage --by session
}

with_the_key_of_the_server() {
	must "an app asks a model of a provider" ask /chat/completions "$(said litellm/openai/gpt-5.5 0)"
	gives "the provider is sent the server's key" "\"authorization\": \"Bearer $(secret LITELLM_API_KEY)\"" requests
	printf '%s\n' "$app_token" >"$RUN/app-token"
	must "and not the app's token" lacks_request_with "$RUN/app-token"
	sed "s/THE-KEY/$(secret LITELLM_API_KEY)/" "$here/plans/leak.json" >"$RUN/leak.json"
	provide "$RUN/leak.json"
	rm "$RUN/leak.json"
	refused "an error of a provider that repeats the key is passed on" '^502 .*does not accept the key' ask /chat/completions "$(said litellm/openai/gpt-5.5 2)"
	without_keys "what the app is told of it" failing ask /chat/completions "$(said litellm/openai/gpt-5.5 2)"
	without_keys "the list of models" ask /models
	without_keys "the environment of an app that asks" inner localhost/appx/base env
	without_keys "the container's log" engine logs "$BUILDER"
}

nothing_else_is_there() {
	refused "the API is not there" '^404 .*There is no such path here' ask /projects
	refused "nor with the API's token" '^404 ' with_token "$(token)" ask /projects
	refused "it listens on the loopback alone" 'onnection refused|Failed to connect|Could not connect' from_the_container_address
	refused "a project's token does not open the API" 'error: 401' with_the_app_token_at_the_api
}

budget_spent() {
	access --day-tokens 100 >/dev/null
	refused "what is more than the budget is refused" '^429 .*Budget spent: .*insufficient_quota' ask /chat/completions "$(hello)"
	gives "a person switches it off" 'model access is off' access --off
	refused "and then it is off" '^403 ' ask /chat/completions "$(hello)"
}

# hello [FIELDS]: the body of a question to the scripted model.
hello() { printf '{%s"model": "scripted/demo", "max_tokens": 50, "messages": [{"role": "user", "content": "say: hello"}]}' "${1:-}"; }

# said MODEL N: a conversation with N replies, so that the planned provider gives step N.
said() {
	local replies=""
	if (($2 > 0)); then replies="$(printf '{"role": "assistant", "content": "Yes."}, %.0s' $(seq "$2"))"; fi
	printf '{"model": "%s", "max_tokens": 50, "messages": [%s{"role": "user", "content": "Tea?"}]}' "$1" "$replies"
}

# ask PATH [BODY]: by an app of the project.
ask() {
	inner --env "OPENAI_API_KEY=$app_token" localhost/appx/python python3 -I -c "$(cat "$here/inside/ask_model.py")" "$llm" "$@"
}

ask_on_a_network() {
	as_builder podman network create --ignore --opt isolate=true --label "appx.project=$project" verify-models-net >/dev/null
	inner --network verify-models-net --env "OPENAI_API_KEY=$app_token" localhost/appx/python \
		python3 -I -c "$(cat "$here/inside/ask_model.py")" "$llm" /chat/completions "$(hello)"
}

with_token() {
	local app_token="$1"
	shift
	"$@"
}

failing() { if "$@"; then return 1; fi; }

access() { as_appx appx model-access "$project" "$@"; }

lacks_request_with() { requests >"$RUN/asked" && [[ -s $RUN/asked ]] && ! grep -qF -f "$1" "$RUN/asked"; }

# As somebody in the server's network: the builder's own would not let it through to any address of the server.
from_the_container_address() {
	# shellcheck disable=SC2016 # the shell inside
	as_stranger sh -c 'curl --silent --show-error --noproxy "*" --max-time 5 "http://$(hostname -i | cut -d " " -f 1):4080/v1/models"'
}

# In the server's network as well: the token has to be refused, not the way.
with_the_app_token_at_the_api() {
	as_stranger curl --silent --show-error --noproxy '*' --fail --max-time $((5 * slow)) --header "Authorization: Bearer $app_token" http://127.0.0.1:4001/v1/projects
}

main "$@"
