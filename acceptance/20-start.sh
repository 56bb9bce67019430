#!/usr/bin/env bash
# The start: run.sh does it once, says what it did, and refuses what cannot work.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

other="$BUILDER-other"

main() {
	own_container "run.sh twice changes nothing, --print tells the truth, a wrong setting is refused" || return 0
	run_twice
	printed_command_is_the_real_one
	wrong_settings_are_refused
	verdict
}

run_twice() {
	local before
	before="$(who_runs)"
	gives "run.sh a second time says that it is up" "is up already; nothing was changed" run_sh
	gives "and has changed nothing" '^equal$' equal_to "$before" who_runs
	gives "run.sh prints a login URL" 'http://127\.0\.0\.1:[0-9]+/login\?code=.{20,}' run_sh --login
	gives "run.sh says where it is" "is up\." run_sh --status
}

# equal_to TEXT COMMAND...: "equal" when that is its output, else the output.
equal_to() {
	local now
	now="$("${@:2}")"
	if [[ $now == "$1" ]]; then echo equal; else echo "$now"; fi
}

who_runs() { engine container inspect --format '{{.Id}} {{.State.StartedAt}} {{.State.Pid}}' "$BUILDER"; }

printed_command_is_the_real_one() {
	local printed
	printed="$(beside run_sh --print)"
	bash -c "$printed" >/dev/null
	engine container inspect "$BUILDER" "$other" >"$RUN/two.json"
	must "the command of run.sh --print makes a container with the same flags" python3 "$here/same_flags.py" <"$RUN/two.json"
	gives "it limits memory and processors as it is told" ' --memory 2g --cpus 1\.5 ' \
		beside env APPX_MEMORY=2g APPX_CPUS=1.5 "$ROOT/docker/builder/run.sh" --print
	must "a second builder can be destroyed beside the first" beside run_sh --destroy --yes
	must "and the first one is still there" is_ready
}

# A name and ports of its own, next to those of the container under test.
beside() { APPX_NAME="$other" APPX_PORT="$OTHER_PORT" APPX_APP_PORTS="$OTHER_APP_PORTS" "$@"; }

wrong_settings_are_refused() {
	refused "a setting that does not exist stops the start, and its name is said" \
		"APPX_TYPO is not a setting of appx" wrong APPX_RUN_ARGS="--env APPX_TYPO=1"
	refused "a default model without a server stops the start, and the variable is named" \
		"LITELLM_DEFAULT_MODEL is set, but LITELLM_BASE_URL is not" wrong LITELLM_DEFAULT_MODEL=openai/gpt-5.5
	refused "a weak token is refused, and the variable is named" \
		"AGENT_SERVER_TOKEN: the token needs at least 16 characters" wrong AGENT_SERVER_TOKEN=short
	refused "a secret that is given twice is refused before the start" \
		"OPENAI_API_KEY and OPENAI_API_KEY_FILE are both set" wrong OPENAI_API_KEY=one-key OPENAI_API_KEY_FILE=/etc/hostname
	printf 'a-key\n' >"$RUN/open-key"
	chmod 0644 "$RUN/open-key"
	refused "a file with a key that the agent could read stops the start" "OPENAI_API_KEY_FILE: /etc/appx-key can be read by every user" \
		wrong APPX_RUN_ARGS="--volume $RUN/open-key:/etc/appx-key:ro --env OPENAI_API_KEY_FILE=/etc/appx-key"
	refused "a models file that is not there is refused before the start" \
		"no such file: .*/no-such-models" wrong LITELLM_MODELS_PATH="$RUN/no-such-models"
	refused "a port that is taken is refused, and its holder is named" \
		"port [0-9]+ is taken on this host by the container $BUILDER" wrong APPX_PORT="$APPX_PORT"
	refused "an amount of memory that is none is refused" "APPX_MEMORY is 'much'" wrong APPX_MEMORY=much
	refused "an unknown argument is refused" "unknown argument: --typo" run_sh --typo
}

wrong() {
	local code=0
	beside env "$@" APPX_READY_SECONDS=$((30 * slow)) "$ROOT/docker/builder/run.sh" || code=$?
	beside run_sh --destroy --yes >/dev/null 2>&1 || true
	return "$code"
}

main "$@"
