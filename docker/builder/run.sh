#!/usr/bin/env bash
# Starts the builder container. This file is the contract of its start: every flag, and the failure that it prevents.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
source "$here/lib/common.sh"
# shellcheck source-path=SCRIPTDIR source=lib/engine.sh
source "$here/lib/engine.sh"
# shellcheck source-path=SCRIPTDIR source=lib/checks.sh
source "$here/lib/checks.sh"
# shellcheck source-path=SCRIPTDIR source=lib/ready.sh
source "$here/lib/ready.sh"
# shellcheck source-path=SCRIPTDIR source=lib/addresses.sh
source "$here/lib/addresses.sh"
# shellcheck source-path=SCRIPTDIR source=lib/keys.sh
source "$here/lib/keys.sh"
# shellcheck source-path=SCRIPTDIR source=lib/host.sh
source "$here/lib/host.sh"
# shellcheck source-path=SCRIPTDIR source=lib/usage.sh
source "$here/lib/usage.sh"

image="${APPX_IMAGE:-localhost/appx/builder:latest}"
name="${APPX_NAME:-appx}"
bind="${APPX_BIND:-127.0.0.1}"
port="${APPX_PORT:-4001}"
app_ports="${APPX_APP_PORTS:-3000-3010}"
workspace="${APPX_WORKSPACE:-$name-workspace}"
storage="${APPX_STORAGE:-$name-containers}"
ready_within="${APPX_READY_SECONDS:-120}"
memory="${APPX_MEMORY:-}"
cpus="${APPX_CPUS:-none}"

# Handed to the server through standard input when set here, or when NAME_FILE names a file: lib/keys.sh.
secrets=(ANTHROPIC_API_KEY OPENAI_API_KEY GEMINI_API_KEY GOOGLE_API_KEY LITELLM_API_KEY AGENT_SERVER_TOKEN)

# Variables of the container when set here. By name only, because a proxy's address may have a password.
handed_over=(
	ANTHROPIC_BASE_URL OPENAI_BASE_URL LITELLM_BASE_URL LITELLM_DEFAULT_MODEL LITELLM_API AGENT_SERVER_LOG_LEVEL
	http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY
)

# Handed over, too; they are no secrets, so a change of a value is noticed.
limits=(
	APPX_APP_PORTS
	APPX_MAX_STEPS APPX_MAX_TURN_MINUTES APPX_MAX_SESSION_COST APPX_MAX_DAY_COST
	APPX_MAX_SESSION_TOKENS APPX_MAX_DAY_TOKENS APPX_MAX_UPLOAD
	APPX_MODEL_SILENCE_SECONDS APPX_MODEL_REPLY_SECONDS PI_SKILL_PATHS
	APPX_HOSTS APPX_CORS_ORIGINS APPX_PROVIDER_NETWORKS APPX_AUDIT_DAYS APPX_MAX_CONNECTIONS
	APPX_PROJECT_UIDS APPX_IDLE_MINUTES APPX_APP_MEMORY APPX_APP_PROCESSES APPX_APP_CPUS APPX_DISK_RESERVE
	APPX_PROJECT_DISK APPX_PROJECT_MEMORY APPX_PROJECT_PROCESSES APPX_PROJECT_CPUS APPX_IMAGE_DAYS APPX_IMAGE_ROOM
	APPX_HEALTH_SECONDS
	APPX_EGRESS APPX_EGRESS_HOSTS APPX_EGRESS_PRIVATE
)

main() {
	read_arguments "$@"
	case $action in
	up) up ;;
	rebuild) rebuild ;;
	stop) stop ;;
	destroy) destroy ;;
	status) status ;;
	login) login ;;
	logs) logs ;;
	print) print_command ;;
	help) usage ;;
	esac
}

action=up
follow=yes
sure=no

read_arguments() {
	local argument chosen=()
	for argument in "$@"; do
		case $argument in
		--rebuild | --stop | --destroy | --status | --login | --logs | --print | --help) chosen+=("${argument#--}") ;;
		-h) chosen+=(help) ;;
		--no-follow) follow=no ;;
		--yes) sure=yes ;;
		*) misuse "unknown argument: $argument" ;;
		esac
	done
	((${#chosen[@]} < 2)) || misuse "only one of these at a time: ${chosen[*]/#/--}"
	action="${chosen[0]:-up}"
	if [[ $follow == no && $action != logs ]]; then misuse "--no-follow belongs to --logs"; fi
	if [[ $sure == yes && $action != destroy ]]; then misuse "--yes belongs to --destroy"; fi
}

misuse() {
	printf 'error: %s\n       docker/builder/run.sh --help shows what there is.\n' "$1" >&2
	exit 2
}

# --- what a person can ask for ----------------------------------------------------------------------------------------

up() {
	local forgetting=()
	ensure_engine
	check_settings
	case "$(state)" in
	running)
		if is_ready; then
			hand_over_secrets
			if [[ -n $handed ]]; then
				say "The builder container '$name' is up already."
				say_handed
			else
				say "The builder container '$name' is up already; nothing was changed."
			fi
			mention_other_settings
			where
			return
		fi
		# An earlier run.sh was interrupted, or the server restarts just now.
		say "The builder container '$name' is starting."
		mention_other_settings
		;;
	none)
		ensure_image
		check_host
		check_ports
		create
		# What an earlier container of these volumes was given counts no more than its other settings.
		forgetting=(--only)
		;;
	*)
		check_host
		check_ports
		say "Starting the container '$name' again."
		quietly "${engine[@]}" start "$name" || explain_failure "The engine could not start '$name'."
		mention_other_settings
		;;
	esac
	wait_until_ready
	hand_over_secrets "${forgetting[@]}"
	say_handed
	welcome
}

rebuild() {
	ensure_engine
	check_settings
	"$here/build.sh"
	check_host
	if [[ "$(state)" != none ]]; then
		say "Replacing the container '$name'. Its volumes stay."
		"${engine[@]}" stop --time 20 "$name" >/dev/null 2>&1 || true
		quietly "${engine[@]}" rm --force "$name"
	fi
	check_ports
	create
	wait_until_ready
	hand_over_secrets --only
	say_handed
	welcome
}

stop() {
	need_engine
	case "$(state)" in
	none) say "There is no container '$name'." ;;
	running | paused)
		quietly "${engine[@]}" stop --time 20 "$name"
		say "Stopped '$name'. docker/builder/run.sh starts it again, with its apps."
		;;
	*) say "'$name' is stopped already." ;;
	esac
}

destroy() {
	need_engine
	local volumes=() volume
	for volume in "$workspace" "$storage"; do
		if [[ $volume != /* ]] && "${engine[@]}" volume inspect "$volume" >/dev/null 2>&1; then volumes+=("$volume"); fi
	done
	if [[ "$(state)" == none && ${#volumes[@]} == 0 ]]; then
		say "There is no container '$name' and none of its volumes."
		return
	fi
	say "This removes the container '$name' and, with all projects, sessions and apps in them, these volumes:"
	say "  ${volumes[*]:-none}"
	if [[ $workspace == /* ]]; then say "The directory $workspace is yours and stays."; fi
	if [[ $sure == no ]]; then
		on_terminal || die "nothing was removed. There is no terminal to ask on: add --yes to mean it."
		confirm "Remove them?" || die "nothing was removed."
	fi
	if [[ "$(state)" != none ]]; then
		"${engine[@]}" stop --time 20 "$name" >/dev/null 2>&1 || true
		quietly "${engine[@]}" rm --force "$name"
	fi
	if ((${#volumes[@]})); then quietly "${engine[@]}" volume rm "${volumes[@]}"; fi
	say "Removed. The image $image is still here."
}

status() {
	need_engine
	case "$(state)" in
	running)
		if is_ready; then say "'$name' is up."; else say "'$name' runs but is not ready. docker/builder/run.sh --logs shows why."; fi
		where
		;;
	none)
		say "There is no container '$name'. docker/builder/run.sh makes it."
		exit 1
		;;
	*)
		say "'$name' is stopped. docker/builder/run.sh starts it."
		exit 1
		;;
	esac
}

login() {
	need_engine
	[[ "$(state)" == running ]] || die "'$name' is not up. docker/builder/run.sh starts it."
	login_url || die "the server gave no login URL. docker/builder/run.sh --logs shows why."
}

logs() {
	need_engine
	[[ "$(state)" != none ]] || die "there is no container '$name'. docker/builder/run.sh makes it."
	local options=()
	if [[ $follow == yes ]]; then options+=(--follow); fi
	"${engine[@]}" logs "${options[@]}" "$name" 2>&1 | harmless
}

print_command() {
	if ! find_engine; then
		kind="${APPX_ENGINE:-docker}"
		engine=("$kind")
	fi
	check_settings
	spawn_flags
	local words=("${engine[@]}" run "${flags[@]}" "$image") line
	printf -v line '%q ' "${words[@]}"
	printf '%s\n' "${line% }"
	mention_secrets
}

# --- the engine and the container -------------------------------------------------------------------------------------

need_engine() {
	find_engine || die "no container engine answers here. docker/builder/run.sh installs or starts one."
}

# none, running, or another word of the engine (exited, created, paused …).
state() {
	local word
	word="$("${engine[@]}" container inspect --format '{{.State.Status}}' "$name" 2>/dev/null)" || word=none
	printf '%s' "$word"
}

ensure_image() {
	"${engine[@]}" image inspect "$image" >/dev/null 2>&1 && return
	if [[ -n ${APPX_IMAGE:-} && $APPX_IMAGE != localhost/* ]]; then
		say "Pulling $image."
		"${engine[@]}" pull "$image" || die "cannot pull APPX_IMAGE=$APPX_IMAGE. Unset it to build the image here."
		return
	fi
	say "The image $image is not here yet."
	APPX_ENGINE=$kind "$here/build.sh"
}

create() {
	spawn_flags
	mention_apparmor
	trap interrupted INT
	say "Starting the container '$name' with $kind."
	local said
	if ! said="$("${engine[@]}" run "${flags[@]}" "$image" 2>&1)"; then
		explain_failure "The engine could not start '$name': $said"
	fi
}

flags=()

# The contract. docs/security.md says for each flag what it gives away and which check proves it.
spawn_flags() {
	choose_memory
	# shellcheck disable=SC2054 # The commas are the engine's.
	flags=(
		--detach
		--name "$name"
		# Else the container, and every app in it, stays away after a reboot of the host.
		--restart unless-stopped
		# Else a slow app is cut off in the middle of a write. A stop takes 3 s as a rule.
		--stop-timeout 20

		# Else a process that becomes root in the container has the engine's whole set.
		--cap-drop ALL
		# Without these two: cannot set up namespace using "/usr/bin/newuidmap" / "newgidmap".
		--cap-add SETUID
		--cap-add SETGID
		# Else a setuid program, brought in by a volume, could raise privileges.
		--security-opt no-new-privileges
		# Without it, under the engine's own profile: "cannot re-exec process" or "crun: sethostname: Operation not permitted".
		--security-opt "seccomp=$root/image/seccomp.json"
		# Without it no inner network comes up: pasta cannot make its tap device.
		--device /dev/net/tun

		# Else whoever becomes root could change the programs of the server.
		--read-only
		# What a read-only root needs: s6 runs its services from /run, tools run scripts from /tmp. Limits, because both are memory.
		--tmpfs /run:rw,exec,nosuid,nodev,mode=0755,size=64m
		# Else the builder, who may write there, fills /run, and s6 can no longer tell which process is the server.
		--tmpfs /run/user:rw,nosuid,nodev,mode=1777,size=64m
		--tmpfs /tmp:rw,exec,nosuid,nodev,mode=1777,size=1g
		# Else podman cannot tag again what it has built before: its copy goes by way of there, whatever TMPDIR says.
		--tmpfs /var/tmp:rw,nosuid,nodev,mode=1777,size=64m
		# Else projects, sessions and apps are gone with the container; and overlay needs a real file system below it.
		--volume "$workspace:/workspace"
		--volume "$storage:/home/builder/.local/share/containers"

		# Else nothing is reachable. Apps have the same number inside and outside, so that what the agent says is true.
		--publish "$bind:$port:4001"
		--publish "$bind:$app_ports:$app_ports"
		# Else no app finds the models that a person lets it ask: podman copies this line into every inner container.
		--add-host llm.appx.internal:10.255.255.1
		# Else one runaway app takes the process table of the whole host.
		--pids-limit "${APPX_PIDS:-8192}"
		# Else one process opens files until the memory of all is used up: where systemd starts docker, it has no limit.
		--ulimit "nofile=$(limit -n 65536)"

		--label "appx.settings=$(settings_mark)"
	)
	add_engine_flags
	add_host_flags
	add_environment
	if [[ -n ${APPX_RUN_ARGS:-} ]]; then
		local more
		read -r -a more <<<"$APPX_RUN_ARGS"
		flags+=("${more[@]}")
	fi
}

# Without it: crun: mount `proc` to `proc`: Operation not permitted. The kernel refuses a fresh proc to a namespace that
# only sees a masked one. Two words for the same thing.
add_engine_flags() {
	if [[ $kind == docker ]]; then
		flags+=(--security-opt systempaths=unconfined)
	else
		flags+=(--security-opt unmask=ALL)
		if ! has_sys_resource; then
			# podman asks for more than this host may give: crun: setrlimit: Operation not permitted.
			flags+=(--ulimit "nproc=$(limit -u 10000)")
		fi
		# podman's timer for the health check is systemd's. Without it each start and stop would say so as an error;
		# "podman healthcheck run" works all the same.
		if [[ ! -d /run/systemd/system ]]; then flags+=(--health-interval disable); fi
	fi
	# Else an agent that writes into the log fills the disk of the host. Other drivers have limits of their own.
	case "$(log_driver 2>/dev/null)" in
	json-file | local) flags+=(--log-opt max-size=32m --log-opt max-file=3) ;;
	k8s-file) flags+=(--log-opt max-size=96m) ;;
	esac
}

add_host_flags() {
	# Without it, where the host has AppArmor: "cannot clone: Permission denied", because docker-default forbids user namespaces.
	if has_apparmor; then flags+=(--security-opt "apparmor=$(apparmor_profile)"); fi
	# Else one app can take all of the host's memory, or its processors.
	if [[ $memory != none ]]; then flags+=(--memory "$memory"); fi
	if [[ $cpus != none ]]; then flags+=(--cpus "$cpus"); fi
}

add_environment() {
	local variable
	for variable in "${handed_over[@]}" "${limits[@]}"; do
		if [[ -n ${!variable:-} ]]; then flags+=(--env "$variable"); fi
	done
	if [[ -n ${LITELLM_MODELS_PATH:-} ]]; then
		flags+=(--volume "$(realpath "$LITELLM_MODELS_PATH"):/etc/appx/litellm-models:ro" --env LITELLM_MODELS_PATH=/etc/appx/litellm-models)
	fi
	if [[ -n ${APPX_TEMPLATE_DIR:-} ]]; then
		flags+=(--volume "$(realpath "$APPX_TEMPLATE_DIR"):/etc/appx/templates:ro" --env APPX_TEMPLATE_DIR=/etc/appx/templates)
	fi
}

main "$@"
