# shellcheck shell=bash disable=SC2154 # the settings are run.sh's.
# What has to be so before the builder container starts: each with its reason, instead of an engine's riddle.
# Sourced by run.sh; needs common.sh and engine.sh.

check_settings() {
	[[ $name =~ ^[a-zA-Z0-9][a-zA-Z0-9_.-]*$ ]] || die "APPX_NAME is '$name': letters, digits, '_', '.', '-' only."
	[[ $port =~ ^[0-9]{1,5}$ && $port -gt 0 && $port -lt 65536 ]] || die "APPX_PORT is '$port': it must be a port number."
	[[ $app_ports =~ ^([0-9]+)-([0-9]+)$ ]] || die "APPX_APP_PORTS is '$app_ports': it must be a range such as 3000-3010."
	((BASH_REMATCH[1] >= 1024 && BASH_REMATCH[1] < BASH_REMATCH[2] && BASH_REMATCH[2] < 65536 && BASH_REMATCH[2] - BASH_REMATCH[1] < 1000)) ||
		die "APPX_APP_PORTS is '$app_ports': it must be a range of 2 to 1000 ports from 1024 to 65535."
	if ((BASH_REMATCH[1] <= 4080 && BASH_REMATCH[2] >= 4001)); then die "APPX_APP_PORTS is '$app_ports': 4001 to 4080 are used inside."; fi
	if ((port >= BASH_REMATCH[1] && port <= BASH_REMATCH[2])); then die "APPX_PORT $port lies in APPX_APP_PORTS $app_ports: choose another."; fi
	[[ $memory =~ ^(none|[1-9][0-9]*[bkmg]?)?$ ]] || die "APPX_MEMORY is '$memory': it must be an amount such as 4g, or none."
	[[ $cpus =~ ^(none|[0-9]+([.][0-9]+)?)$ ]] || die "APPX_CPUS is '$cpus': it must be a number such as 1.5, or none."
	if [[ -n ${LITELLM_MODELS_PATH:-} && ! -r $LITELLM_MODELS_PATH ]]; then die "no such file: $LITELLM_MODELS_PATH (LITELLM_MODELS_PATH)"; fi
	if [[ -n ${APPX_TEMPLATE_DIR:-} && ! -d $APPX_TEMPLATE_DIR ]]; then die "no such directory: $APPX_TEMPLATE_DIR (APPX_TEMPLATE_DIR)"; fi
	check_secrets
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
	if [[ -n ${APPX_TEMPLATE_DIR:-} ]] && (((0$(stat -L -c %a "$APPX_TEMPLATE_DIR") & 5) != 5)); then
		die "the server's user must be able to read $APPX_TEMPLATE_DIR: chmod -R o+rX $APPX_TEMPLATE_DIR"
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

# Tells whether a container was made with other settings than today's. A secret is no part of it: a new one counts at once.
# Of what may have a password in it, only the name goes in.
settings_mark() {
	local variable names=()
	for variable in "${handed_over[@]}" LITELLM_MODELS_PATH; do
		if [[ -n ${!variable:-} ]]; then names+=("$variable"); fi
	done
	for variable in "${limits[@]}"; do
		if [[ -n ${!variable:-} ]]; then names+=("$variable=${!variable}"); fi
	done
	printf '%s\n' "$image" "$bind" "$port" "$app_ports" "$workspace" "$storage" "${APPX_PIDS:-}" "${APPX_MEMORY:-}" "${APPX_CPUS:-}" "${APPX_RUN_ARGS:-}" "${names[*]:-}" |
		cksum | cut -d ' ' -f 1
}

mention_other_settings() {
	local mark
	mark="$("${engine[@]}" container inspect --format '{{index .Config.Labels "appx.settings"}}' "$name")"
	if [[ $mark != "$(settings_mark)" ]]; then
		warn "it was made with other settings than the ones given now. docker/builder/run.sh --rebuild applies them."
	fi
}
