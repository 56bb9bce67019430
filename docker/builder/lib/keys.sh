# shellcheck shell=bash disable=SC2154 # the settings are run.sh's.
# The secrets of who calls run.sh, and the way by which the server gets them: through standard input, so that they stand
# neither on a command line nor in the container's configuration. Sourced by run.sh; needs common.sh and engine.sh.

# Bytes; what is longer fits into no header.
longest_secret=8192

# As the server wants it.
shortest_token=16

# Before anything is started, because the server would say it only after.
check_secrets() {
	local variable
	for variable in "${secrets[@]}"; do check_secret "$variable"; done
}

check_secret() {
	local file_variable="${1}_FILE" value
	local file="${!file_variable:-}"
	if [[ -n $file && -n ${!1:-} ]]; then die "$1 and $file_variable are both set. Set one of them."; fi
	if [[ -n $file && (! -r $file || -d $file) ]]; then die "no such file, or it cannot be read: $file ($file_variable)"; fi
	if [[ -z $file && -z ${!1:-} ]]; then return; fi
	value="$(secret_of "$1")"
	[[ -n $value ]] || die "there is nothing in $file ($file_variable)."
	[[ $value != *$'\n'* ]] || die "$1 has more than one line."
	((${#value} <= longest_secret)) || die "$1 is too long: a secret has at most $longest_secret characters."
	[[ $value != *[![:graph:]]* ]] || die "$1 has a blank or another character that no key has. Copy it again."
	if [[ $1 == AGENT_SERVER_TOKEN ]] && ((${#value} < shortest_token)); then
		die "$1: the token needs at least $shortest_token characters. 'openssl rand -hex 32' makes a good one."
	fi
}

# secret_of NAME: the value of the variable, or what its file holds. Nothing when there is neither.
secret_of() {
	local file_variable="${1}_FILE"
	if [[ -n ${!1:-} ]]; then
		printf '%s' "${!1}"
	elif [[ -n ${!file_variable:-} ]]; then
		head -c $((longest_secret + 3)) "${!file_variable}" | tr -d '\r\0'
	fi
}

# printf is the shell's own, so the values are on no command line.
secret_lines() {
	local variable value
	for variable in "${secrets[@]}"; do
		value="$(secret_of "$variable")"
		if [[ -n $value ]]; then printf '%s=%s\n' "$variable" "$value"; fi
	done
}

# What the server said about it: a line for each secret that is new, has changed, is removed, or is there from before.
handed=

# hand_over_secrets [--only]: --only makes the server forget those that are not set now.
hand_over_secrets() {
	local code=0
	handed="$(secret_lines | "${engine[@]}" exec --interactive "$name" as-appx appx keys take "$@" 2>&1)" || code=$?
	if ((code == 0)); then return; fi
	if [[ $handed == *"No such command"* ]]; then
		handed=
		if [[ -z "$(secret_lines)" ]]; then return; fi
		warn "the container '$name' is of an older appx, which takes keys only when it is made. docker/builder/run.sh --rebuild makes it anew."
		return
	fi
	die "the server did not take what was handed over: ${handed#Error: }"
}

say_handed() {
	if [[ -z $handed ]]; then return; fi
	say "Handed over to the server:"
	say "  ${handed//$'\n'/$'\n'  }"
	if [[ $handed == *"from before"* ]]; then say "  docker/builder/run.sh --rebuild forgets those from before."; fi
}

# A command that can be shown holds none of them.
mention_secrets() {
	if [[ -z "$(secret_lines)" ]]; then return; fi
	cat >&2 <<-TEXT
		note: the keys that are set here are not in that command. When the container is up, hand them over:
		  docker/builder/run.sh, or type each: ${engine[*]} exec -it $name as-appx appx keys set PROVIDER
	TEXT
}
