#!/usr/bin/env bash
# Starts the builder container. This file is the contract of its start: every flag, and the failure that it prevents.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
source "$here/lib/common.sh"
# shellcheck source-path=SCRIPTDIR source=lib/engine.sh
source "$here/lib/engine.sh"

image="${APPX_IMAGE:-localhost/appx/builder:latest}"
name="${APPX_NAME:-appx}"
bind="${APPX_BIND:-127.0.0.1}"
port="${APPX_PORT:-4001}"
app_ports="${APPX_APP_PORTS:-3000-3010}"
workspace="${APPX_WORKSPACE:-$name-workspace}"
storage="${APPX_STORAGE:-$name-containers}"
ready_within="${APPX_READY_SECONDS:-120}"

# Handed to the server when set here. By name only, so that no value stands on a command line.
handed_over=(
	ANTHROPIC_API_KEY ANTHROPIC_BASE_URL OPENAI_API_KEY OPENAI_BASE_URL GEMINI_API_KEY GOOGLE_API_KEY
	LITELLM_BASE_URL LITELLM_API_KEY LITELLM_DEFAULT_MODEL LITELLM_API
	AGENT_SERVER_TOKEN AGENT_SERVER_LOG_LEVEL
	http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY
)

usage() {
	cat <<'TEXT'
usage: docker/builder/run.sh [option]

Without an option: starts the builder container, and first gets what is missing (engine, image).
If it is already up, nothing is changed.

  --rebuild       build the image again and replace the container; the volumes stay
  --stop          stop the container; the next run.sh starts it again
  --destroy       remove the container and its volumes, after asking; --yes does not ask
  --status        say whether it is up, and where
  --login         print a new one-time login URL
  --logs          show the log and follow it; --logs --no-follow shows it and ends
  --print         print the exact command that would start the container, and start nothing
  --help          this text

Variables, with their defaults:
  APPX_ENGINE         docker or podman; default: a docker that answers, else podman, else docker is installed
  APPX_IMAGE          the image (localhost/appx/builder:latest)
  APPX_NAME           the container's name, and the start of its volumes' names (appx)
  APPX_BIND           the address that ports are opened on (127.0.0.1)
  APPX_PORT           the port of API and UI (4001)
  APPX_APP_PORTS      the host's ports for apps: a range of 11 (3000-3010)
  APPX_WORKSPACE      volume for projects and state, or an absolute path on this host (<name>-workspace)
  APPX_STORAGE        volume for the images and containers of apps (<name>-containers)
  APPX_PIDS           the most processes in the container, apps included (8192)
  APPX_RUN_ARGS       more flags for the engine's run, separated by spaces
  APPX_READY_SECONDS  how long to wait for the server (120)
Handed to the server when set:
  ANTHROPIC_API_KEY ANTHROPIC_BASE_URL OPENAI_API_KEY OPENAI_BASE_URL GEMINI_API_KEY GOOGLE_API_KEY
  LITELLM_BASE_URL LITELLM_API_KEY LITELLM_DEFAULT_MODEL LITELLM_API
  LITELLM_MODELS_PATH     a file on this host; mounted read-only
  AGENT_SERVER_TOKEN AGENT_SERVER_LOG_LEVEL
  AGENT_SERVER_TOKEN_FILE a file on this host; its first line is the token
  http_proxy https_proxy no_proxy (also in capitals)
The build has variables of its own: docker/builder/build.sh --help
TEXT
}

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
	ensure_engine
	check_settings
	case "$(state)" in
	running)
		if is_ready; then
			say "The builder container '$name' is up already; nothing was changed."
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
	exec "${engine[@]}" logs "${options[@]}" "$name"
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
		--tmpfs /tmp:rw,exec,nosuid,nodev,mode=1777,size=1g
		# Else projects, sessions and apps are gone with the container; and overlay needs a real file system below it.
		--volume "$workspace:/workspace"
		--volume "$storage:/home/builder/.local/share/containers"

		# Else nothing is reachable. Apps get the same number inside and outside only with the default range.
		--publish "$bind:$port:4001"
		--publish "$bind:$app_ports:3000-3010"
		# Else one runaway app takes the process table of the whole host.
		--pids-limit "${APPX_PIDS:-8192}"

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
			flags+=(--ulimit "nofile=$(limit -n 20000)" --ulimit "nproc=$(limit -u 10000)")
		fi
		# podman's timer for the health check is systemd's. Without it each start and stop would say so as an error;
		# "podman healthcheck run" works all the same.
		if [[ ! -d /run/systemd/system ]]; then flags+=(--health-interval disable); fi
	fi
}

# CAP_SYS_RESOURCE is bit 24. Rootless podman never has it, and knows.
has_sys_resource() {
	((EUID != 0)) && return
	local set
	set="$(sed -n 's/^CapEff:\s*//p' /proc/self/status)"
	((16#$set >> 24 & 1))
}

# limit OPTION MOST: the hard limit here, and no more than MOST, as soft:hard.
limit() {
	local hard
	hard="$(ulimit -H "$1")"
	if [[ $hard == unlimited || $hard -gt $2 ]]; then hard=$2; fi
	printf '%s:%s' "$hard" "$hard"
}

# Without it, where the host has AppArmor: "cannot clone: Permission denied", because docker-default forbids user namespaces.
add_host_flags() {
	if grep -qs Y /sys/module/apparmor/parameters/enabled; then flags+=(--security-opt apparmor=unconfined); fi
}

add_environment() {
	local variable
	if [[ -n ${AGENT_SERVER_TOKEN_FILE:-} && -z ${AGENT_SERVER_TOKEN:-} ]]; then
		AGENT_SERVER_TOKEN="$(head -n 1 "$AGENT_SERVER_TOKEN_FILE")"
		export AGENT_SERVER_TOKEN
	fi
	for variable in "${handed_over[@]}"; do
		if [[ -n ${!variable:-} ]]; then flags+=(--env "$variable"); fi
	done
	if [[ -n ${LITELLM_MODELS_PATH:-} ]]; then
		flags+=(--volume "$(realpath "$LITELLM_MODELS_PATH"):/etc/appx/litellm-models:ro" --env LITELLM_MODELS_PATH=/etc/appx/litellm-models)
	fi
}

# Tells whether a container was made with other settings than today's. Only names of variables go in, no value of a key.
settings_mark() {
	local variable names=()
	for variable in "${handed_over[@]}" LITELLM_MODELS_PATH; do
		if [[ -n ${!variable:-} ]]; then names+=("$variable"); fi
	done
	printf '%s\n' "$image" "$bind" "$port" "$app_ports" "$workspace" "$storage" "${APPX_PIDS:-}" "${APPX_RUN_ARGS:-}" "${names[*]:-}" |
		cksum | cut -d ' ' -f 1
}

mention_other_settings() {
	local mark
	mark="$("${engine[@]}" container inspect --format '{{index .Config.Labels "appx.settings"}}' "$name")"
	if [[ $mark != "$(settings_mark)" ]]; then
		warn "it was made with other settings than the ones given now. docker/builder/run.sh --rebuild applies them."
	fi
}

# --- checks before a start: each with the reason, instead of an engine's riddle ----------------------------------------

check_settings() {
	[[ $name =~ ^[a-zA-Z0-9][a-zA-Z0-9_.-]*$ ]] || die "APPX_NAME is '$name': letters, digits, '_', '.', '-' only."
	[[ $port =~ ^[0-9]{1,5}$ && $port -gt 0 && $port -lt 65536 ]] || die "APPX_PORT is '$port': it must be a port number."
	[[ $app_ports =~ ^([0-9]+)-([0-9]+)$ ]] || die "APPX_APP_PORTS is '$app_ports': it must be a range such as 3000-3010."
	((BASH_REMATCH[2] - BASH_REMATCH[1] == 10 && BASH_REMATCH[2] < 65536)) ||
		die "APPX_APP_PORTS is '$app_ports': it must span 11 ports, because 3000-3010 are the ports inside."
	if ((port >= BASH_REMATCH[1] && port <= BASH_REMATCH[2])); then die "APPX_PORT $port lies in APPX_APP_PORTS $app_ports: choose another."; fi
	local file
	for file in "${LITELLM_MODELS_PATH:-}" "${AGENT_SERVER_TOKEN_FILE:-}"; do
		if [[ -n $file && ! -r $file ]]; then die "no such file: $file (LITELLM_MODELS_PATH, AGENT_SERVER_TOKEN_FILE)"; fi
	done
}

check_host() {
	[[ -c /dev/net/tun ]] || die "this host has no /dev/net/tun. Load it: modprobe tun"
	# Root of a rootful container opens it by itself; a rootless engine's root is nobody on the host.
	if [[ $kind == podman && ! -w /dev/net/tun ]]; then
		die "$(id -un) may not open /dev/net/tun, so no app would have a network. Open it: sudo chmod 0666 /dev/net/tun"
	fi
	if [[ -r /proc/sys/user/max_user_namespaces ]] && (($(</proc/sys/user/max_user_namespaces) == 0)); then
		die "user namespaces are off on this host. Allow them: sysctl -w user.max_user_namespaces=15000"
	fi
	if [[ -n ${LITELLM_MODELS_PATH:-} ]] && (((0$(stat -L -c %a "$LITELLM_MODELS_PATH") & 4) == 0)); then
		die "the server's user must be able to read $LITELLM_MODELS_PATH: chmod o+r $LITELLM_MODELS_PATH"
	fi
	check_workspace_directory
	check_id_range
}

# A directory of the host must let both users of the container make entries, and only remove their own.
check_workspace_directory() {
	[[ $workspace == /* ]] || return 0
	if [[ ! -e $workspace ]]; then
		mkdir -p "$workspace"
		chmod 1777 "$workspace"
	fi
	[[ -d $workspace ]] || die "APPX_WORKSPACE is no directory: $workspace"
	(((0$(stat -c %a "$workspace") & 01007) == 01007)) ||
		die "the container's users must be able to write to $workspace: chmod 1777 $workspace"
}

# Rootless podman: the container needs ids up to 165535, because the ids of apps are nested in its own.
check_id_range() {
	[[ $kind == podman ]] && ((EUID != 0)) || return 0
	local ids
	ids="$(podman unshare awk '{ sum += $3 } END { print sum }' /proc/self/uid_map)"
	((ids >= 165536)) || die "rootless podman has $ids ids for $(id -un), the builder needs 165536. Give it more, then try again:
       sudo usermod --add-subuids 1000000-1999999 --add-subgids 1000000-1999999 $(id -un) && podman system migrate"
}

check_ports() {
	local each holder
	for each in "$port" $(seq "${app_ports%-*}" "${app_ports#*-}"); do
		if port_is_taken "$each"; then
			holder="$(port_holder "$each")"
			die "port $each is taken on this host${holder:+ by $holder}. Free it, or choose others with APPX_PORT or APPX_APP_PORTS."
		fi
	done
}

# From the kernel's tables: a listener on this address or on all, IPv4 or IPv6.
port_is_taken() {
	local hex
	printf -v hex ':%04X' "$1"
	awk -v port="$hex" '$4 == "0A" && substr($2, length($2) - 4) == port { found = 1 } END { exit !found }' \
		/proc/net/tcp /proc/net/tcp6 2>/dev/null
}

port_holder() {
	local container
	container="$("${engine[@]}" ps --format '{{.Names}} {{.Ports}}' 2>/dev/null | publisher_of "$1")" || true
	if [[ -n $container ]]; then
		printf 'the container %s' "$container"
	elif command -v ss >/dev/null; then
		ss -Hltnp "sport = :$1" 2>/dev/null | sed -n 's/.*users:(("\([^"]*\)",pid=\([0-9]*\).*/\1 (process \2)/p' | head -n 1
	fi
}

# publisher_of PORT: of lines "NAME ADDRESS:FROM-TO->…, …", the name of the first that has it. podman 4 has no such filter.
publisher_of() {
	awk -v port="$1" '!found {
		for (i = 2; i <= NF; i++) if (match($i, /:[0-9]+(-[0-9]+)?->/)) {
			split(substr($i, RSTART + 1, RLENGTH - 3), ends, "-")
			last = ends[2] == "" ? ends[1] : ends[2]
			if (port >= ends[1] + 0 && port <= last + 0) found = $1
		}
	} END { print found }'
}

# --- until it is ready ------------------------------------------------------------------------------------------------

# The workbench has its socket, so its podman is prepared, and the server answers. Asked as uid appx: root may not look
# into the workbench's directory, for it has no capability that overrides a mode.
is_ready() {
	# shellcheck disable=SC2016 # the container's variable
	"${engine[@]}" exec "$name" as-appx sh -c 'test -S "$APPX_WORKBENCH_SOCKET" && appx health' >/dev/null 2>&1
}

is_ready_or_gone() { is_ready || [[ "$(state)" != running ]] || gives_up; }

deaths_before=0

# A wrong setting or a full disk is not cured by waiting.
gives_up() { (($(deaths) - deaths_before >= 2)); }

# How often the server and the workbench have ended since the container started. None while s6 is not there yet.
deaths() {
	local each
	for each in server workbench; do "${engine[@]}" exec "$name" s6-svdt "/run/service/$each" 2>/dev/null || true; done | wc -l
}

wait_until_ready() {
	local started=$SECONDS
	trap interrupted INT
	deaths_before="$(deaths)"
	on_terminal || say "Waiting for the server (at most $ready_within s; the first start loads the base images)."
	until until_true 1 is_ready_or_gone; do
		((SECONDS - started < ready_within)) || explain_failure "'$name' was not ready within $ready_within s."
		if on_terminal; then printf '\r\033[K%4d s  %.90s' $((SECONDS - started)) "$(last_log_line)"; fi
	done
	trap - INT
	if on_terminal; then printf '\r\033[K'; fi
	[[ "$(state)" == running ]] || explain_failure "'$name' ended by itself."
	if gives_up; then explain_failure "the services of '$name' end by themselves, again and again."; fi
	say "Ready after $((SECONDS - started)) s."
}

interrupted() {
	printf '\n'
	say "Not waiting any longer. docker/builder/run.sh goes on where this ended; --stop stops the container."
	exit 130
}

last_log_line() { "${engine[@]}" logs --tail 1 "$name" 2>&1 | tr -d '\r' || true; }

explain_failure() {
	printf 'error: %s\n' "$1" >&2
	if [[ "$(state)" != none ]]; then show_last_lines >&2; fi
	cat >&2 <<-TEXT
		What to do: docs/security.md has a table of error messages and the flag that each one means.
		  docker/builder/run.sh --logs      the whole log
		  docker/builder/run.sh --rebuild   a new image and container; the volumes stay
	TEXT
	exit 1
}

show_last_lines() {
	local lines
	lines="$(mktemp)"
	"${engine[@]}" logs --tail 25 "$name" >"$lines" 2>&1 || true
	printf -- '--- the last lines of its log:\n'
	cat "$lines"
	printf -- '---\n'
	hint "$lines" || true
	rm -f "$lines"
}

# --- what is said at the end ------------------------------------------------------------------------------------------

# As the container has them, which may have been made with other settings than today's.
base_url() {
	local address
	address="$(published 4001)"
	case $address in
	0.0.0.0:* | '[::]:'*) address="127.0.0.1:${address##*:}" ;;
	esac
	printf 'http://%s' "$address"
}

app_addresses() {
	local first last
	first="$(published 3000)"
	last="$(published 3010)"
	printf 'ports %s-%s on %s' "${first##*:}" "${last##*:}" "${first%:*}"
}

# published PORT: the address on this host behind a port of the container.
published() { "${engine[@]}" port "$name" "$1/tcp" | head -n 1; }

login_url() {
	"${engine[@]}" exec "$name" as-appx appx login-url --base "$(base_url)"
}

where() {
	say "  API and UI  $(base_url)"
	say "  Apps        $(app_addresses)"
	say "  Data        $workspace, $storage"
	say "  Login       docker/builder/run.sh --login prints a new one-time URL"
}

welcome() {
	local url
	url="$(login_url)" || url="not to be had: docker/builder/run.sh --logs shows why"
	cat <<-TEXT

		The builder is up.
		  Log in      $url
		  API         $(base_url)/docs
		  Apps        $(app_addresses)
		  Data        $workspace, $storage

		Next: open the URL, or talk to it from here:
		  ${engine[*]} exec -it $name as-appx appx chat my-first-app
		Its token, for curl:
		  curl -H "Authorization: Bearer \$(${engine[*]} exec $name as-appx cat /workspace/.pi-global/token)" $(base_url)/v1/healthz
	TEXT
}

main "$@"
