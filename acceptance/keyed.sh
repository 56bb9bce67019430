# shellcheck shell=bash
# A builder with keys, and a provider that follows a plan. Sourced after lib.sh.

provider_port=8099
secrets="$RUN/secrets"

# The suite's container, replaced by one that has a random key for each provider and a model of a planned provider.
# The keys are this run's own, so that finding one proves a leak.
start_with_keys() {
	local name
	if [[ ! -s $secrets ]]; then
		for name in ANTHROPIC_API_KEY OPENAI_API_KEY GEMINI_API_KEY LITELLM_API_KEY AGENT_SERVER_TOKEN; do
			printf '%s=sk-canary-%s\n' "$name" "$(random_word)"
		done >"$secrets"
		printf '[{"id": "openai/gpt-5.5", "name": "planned", "contextWindow": 100000, "maxTokens": 4096}]' >"$RUN/models.json"
		chmod 0644 "$RUN/models.json"
	fi
	(umask 077 && needles >"$RUN/needles")
	if runs_with_keys; then return; fi
	engine rm --force "$BUILDER" >/dev/null 2>&1 || true
	with_keys run_sh >"$RUN/keyed.log" 2>&1 || {
		cat "$RUN/keyed.log" >&2
		return 1
	}
}

random_word() { od -An -N 16 -t x1 /dev/urandom | tr -d ' \n'; }

with_keys() (
	while IFS='=' read -r name value; do export "$name=$value"; done <"$secrets"
	export LITELLM_BASE_URL="http://127.0.0.1:$provider_port/v1"
	export LITELLM_MODELS_PATH="$RUN/models.json"
	export LITELLM_DEFAULT_MODEL=openai/gpt-5.5
	export NO_PROXY="${NO_PROXY:+$NO_PROXY,}127.0.0.1"
	"$@"
)

runs_with_keys() { [[ $(handed LITELLM_API_KEY 2>/dev/null) == "$(secret LITELLM_API_KEY)" ]]; }

# handed NAME: what run.sh handed over, as the server's own file has it.
handed() { as_appx jq --raw-output --exit-status ".$1" /workspace/.pi-global/handed.json; }

secret() { sed -n "s/^$1=//p" "$secrets"; }

# The values alone, a line each.
needles() { sed 's/^[^=]*=//' "$secrets"; }

# provide PLAN: the provider runs beside the server, as its user: the same under every engine and firewall.
provide() {
	feed_appx sh -c 'umask 077; mkdir -p /tmp/provider; cat >/tmp/provider/server.py' <"$ROOT/tests/fakes/openai_server.py"
	feed_appx sh -c 'cat >/tmp/provider/plan.json' <"$1"
	# shellcheck disable=SC2016 # the shell inside
	as_appx sh -c 'if [ -e /tmp/provider/pid ]; then kill "$(cat /tmp/provider/pid)"; fi; rm -f /tmp/provider/requests.jsonl'
	engine exec --detach "$BUILDER" as-appx sh -c "echo \$\$ >/tmp/provider/pid
		exec python3 -I /tmp/provider/server.py --port $provider_port --plan /tmp/provider/plan.json --log /tmp/provider/requests.jsonl" >/dev/null
	within 10 as_appx curl --silent --fail --noproxy '*' "http://127.0.0.1:$provider_port/v1/models" ||
		{ echo "the planned provider did not start" >&2 && return 1; }
}

# What the provider was sent, a JSON line for each request.
requests() { as_appx cat /tmp/provider/requests.jsonl; }

# What the model was told before the conversation: the system message of the last request.
instructions() {
	requests | tail -n 1 | field '"\n".join(m["content"] if isinstance(m["content"], str) else json.dumps(m["content"]) for m in d["body"]["messages"] if m["role"] in ("system", "developer"))'
}

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
