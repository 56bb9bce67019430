# shellcheck shell=bash disable=SC2034 # kind and engine are for the scripts that source this.
# Finds a container engine, or gets one. Sets: kind (docker, podman), engine (the command, an array).
# Needs common.sh.

kind=
engine=()

# APPX_ENGINE decides. Without it: a docker that answers, else podman (it needs no daemon), else docker, started or installed.
ensure_engine() {
	if find_engine; then
		runtime_is_missing || return 0
	else
		case ${APPX_ENGINE:-} in
		podman) install_podman ;;
		*) get_docker ;;
		esac
	fi
	if runtime_is_missing; then install_runtime; fi
	find_engine || die "${APPX_ENGINE:-docker} was installed but does not answer. Try '${APPX_ENGINE:-docker} info'."
}

# find_engine: true when one is there and answers. Changes nothing on the machine.
find_engine() {
	case ${APPX_ENGINE:-} in
	'') find_docker || find_podman ;;
	docker) find_docker ;;
	podman) find_podman ;;
	*) die "APPX_ENGINE is '$APPX_ENGINE': it can be docker or podman." ;;
	esac
}

find_docker() {
	command -v docker >/dev/null || return 1
	# podman-docker is podman under another name, with podman's flags.
	if docker --version 2>/dev/null | grep -qi podman; then return 1; fi
	if docker info >/dev/null 2>&1; then
		engine=(docker)
	elif ((EUID != 0)) && command -v sudo >/dev/null && docker_is_started && sudo docker info >/dev/null 2>&1; then
		engine=(sudo --preserve-env docker)
	else
		return 1
	fi
	kind=docker
}

docker_is_started() { [[ -S /var/run/docker.sock ]]; }

find_podman() {
	command -v podman >/dev/null || return 1
	podman info >/dev/null 2>&1 || return 1
	engine=(podman)
	kind=podman
	# crun before 1.9 refuses a hybrid cgroup hierarchy in which v2 holds a controller; runc does not care.
	if cgroups_are_hybrid && command -v runc >/dev/null; then engine=(podman --runtime runc); fi
}

cgroups_are_hybrid() {
	# Read, because the size of such a file is always 0.
	[[ -r /sys/fs/cgroup/unified/cgroup.controllers && -n $(</sys/fs/cgroup/unified/cgroup.controllers) ]]
}

runtime_is_missing() { [[ $kind != docker ]] && cgroups_are_hybrid && ! command -v runc >/dev/null; }

install_runtime() {
	say "This host has a hybrid cgroup hierarchy, which podman's crun may refuse. Installing runc from the distribution."
	apt_install runc
}

get_docker() {
	if ! command -v dockerd >/dev/null && [[ ! -x /usr/sbin/dockerd ]]; then
		say "There is no container engine on this machine. Installing docker.io from the distribution."
		if on_terminal && ! confirm "Go on?"; then
			die "nothing was changed. Install docker or podman, or run this again."
		fi
		apt_install docker.io
	fi
	start_docker
}

install_podman() {
	say "podman is not on this machine. Installing it from the distribution."
	if on_terminal && ! confirm "Go on?"; then die "nothing was changed."; fi
	local packages=(podman crun netavark aardvark-dns passt uidmap)
	# What rootless podman 4 needs on top: without them no network, and a copy of all files for each layer.
	if ((EUID != 0)); then packages+=(slirp4netns fuse-overlayfs); fi
	apt_install "${packages[@]}"
}

start_docker() {
	if docker_answers; then return; fi
	say "Starting the docker daemon."
	if [[ -d /run/systemd/system ]]; then
		as_root systemctl enable --now docker
	else
		# No service manager: in a session of its own, so that it outlives this script.
		as_root env "PATH=$PATH:/usr/sbin:/sbin" sh -c 'setsid dockerd >>/var/log/dockerd.log 2>&1 </dev/null &'
	fi
	until_true 60 docker_answers || die "dockerd did not answer within 60 s. Its log: /var/log/dockerd.log or 'journalctl -u docker'."
}

docker_answers() { as_root docker info >/dev/null 2>&1; }

# What keeps the log of a container.
log_driver() {
	if [[ $kind == docker ]]; then
		"${engine[@]}" info --format '{{.LoggingDriver}}'
	else
		"${engine[@]}" info --format '{{.Host.LogDriver}}'
	fi
}
