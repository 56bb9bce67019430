# shellcheck shell=bash disable=SC2154 # here and keep are of verify.sh.
# The suite with rootless podman as the outer engine. Sourced by verify.sh; needs common.sh, engine.sh, $here and $ROOT.
# Root gets a user made for it, who is gone afterwards; anybody else's podman is rootless anyway.

rootless_user=appx-verify
# So that a user of that name who is somebody's is left alone.
rootless_mark="made by appx verify.sh"
rootless_work=
tun_mode=

# verify_rootless OPTION...: the options of verify.sh. On a host that does not allow it: says why, and succeeds.
verify_rootless() {
	if ((EUID != 0)); then
		"$here/verify.sh" --engine podman "$@"
		return
	fi
	trap forget_rootless EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	rootless_work="$(mktemp -d)"
	local why
	if why="$(why_not_rootless)"; then
		printf 'skip  the suite with rootless podman, because %s\n0 passed, 0 failed, 1 skipped\n' "$why"
		return
	fi
	make_rootless_user
	open_tun
	if ! as_rootless podman info >"$rootless_work/said" 2>&1; then
		printf 'skip  the suite with rootless podman, because it does not start: %s\n0 passed, 0 failed, 1 skipped\n' \
			"$(tail -n 1 "$rootless_work/said")"
		return
	fi
	hand_over_image
	hand_over_files
	as_rootless "$rootless_work/appx/docker/builder/verify.sh" --engine podman "$@" </dev/null
}

# Prints the reason, or fails when there is none.
why_not_rootless() {
	local limit=/proc/sys/user/max_user_namespaces debian=/proc/sys/kernel/unprivileged_userns_clone
	if [[ -r $limit ]] && (($(<"$limit") == 0)); then
		echo "user namespaces are off on this host (user.max_user_namespaces)"
	elif [[ -r $debian ]] && (($(<"$debian") == 0)); then
		echo "only root may make user namespaces on this host (kernel.unprivileged_userns_clone)"
	elif grep -q "^$rootless_user:" /etc/passwd && ! grep -q "^$rootless_user:.*$rootless_mark" /etc/passwd; then
		echo "there is a user $rootless_user who is not of this suite"
	elif (($(awk '{ print $2; exit }' /proc/self/uid_map) != 0 || $(awk '{ print $3; exit }' /proc/self/uid_map) < 4000000000)); then
		echo "this is a user namespace already, which has no ids to give away"
	else
		return 1
	fi
}

# The ids of apps are nested in those of the builder container, and these in the user's.
make_rootless_user() {
	local tool packages=() first
	for tool in podman newuidmap; do command -v "$tool" >/dev/null || packages+=("${tool/newuidmap/uidmap}"); done
	# podman 5 brings its network with it (passt), podman 4 needs this one.
	if [[ $(podman --version) == *" 4."* ]] && ! command -v slirp4netns >/dev/null; then packages+=(slirp4netns); fi
	if ((${#packages[@]})); then apt_install "${packages[@]}"; fi
	forget_rootless_user
	useradd --comment "$rootless_mark" --create-home --shell /bin/bash "$rootless_user"
	first="$(cat /etc/subuid /etc/subgid | awk -F: '$2 + $3 > most { most = $2 + $3 } END { print most < 1000000 ? 1000000 : most }')"
	usermod --add-subuids "$first-$((first + 999999))" --add-subgids "$first-$((first + 999999))" "$rootless_user"
	make_runtime_directory
	# Without this line podman 4 finds no fuse-overlayfs, and copies all files for each layer.
	as_rootless sh -c 'mkdir -p ~/.config/containers && printf "[storage]\ndriver = \"overlay\"\n" >~/.config/containers/storage.conf'
}

# Under systemd the user's own manager makes it, and delegates cgroups.
make_runtime_directory() {
	local directory
	directory="$(runtime_directory)"
	if [[ -d /run/systemd/system ]]; then
		loginctl enable-linger "$rootless_user"
		until_true 20 test -S "$directory/bus" || warn "no session of systemd for $rootless_user within 20 s."
	else
		install --directory --mode 0700 --owner "$rootless_user" "$directory"
	fi
}

runtime_directory() { printf '/run/user/%s' "$(id -u "$rootless_user")"; }

# Some hosts keep it for root (usual is 0666), and no container of this user could open it.
open_tun() {
	if as_rootless test -w /dev/net/tun; then return; fi
	tun_mode="$(stat -c %a /dev/net/tun)"
	say "Opening /dev/net/tun (mode $tun_mode) for the time of this run."
	chmod 0666 /dev/net/tun
}

hand_over_image() {
	local image="${APPX_IMAGE:-localhost/appx/builder:latest}" each
	for each in podman docker; do
		if command -v "$each" >/dev/null && "$each" image inspect "$image" >/dev/null 2>&1; then
			say "Handing $image of $each over to rootless podman."
			"$each" save "$image" | quietly as_rootless podman load
			return
		fi
	done
	die "there is no image $image to hand over. Build it: docker/builder/build.sh"
}

# The checkout may lie where only root can look.
hand_over_files() {
	chmod 0755 "$rootless_work"
	mkdir "$rootless_work/appx"
	tar -C "$ROOT" -cf - acceptance docker image/seccomp.json image/AGENTS.builder.md tests/fakes pyproject.toml |
		tar -C "$rootless_work/appx" --no-same-owner -xf -
	chmod -R u=rwX,go=rX "$rootless_work/appx"
}

# as_rootless COMMAND...: with an environment of its own, as after a login.
as_rootless() {
	local variable handed=() directory
	directory="$(runtime_directory)"
	for variable in APPX_IMAGE APPX_PORT APPX_APP_PORTS APPX_RUN_ARGS APPX_PIDS APPX_SLOW APPX_READY_SECONDS http_proxy https_proxy no_proxy; do
		if [[ -n ${!variable:-} ]]; then handed+=("$variable=${!variable}"); fi
	done
	if [[ -S $directory/bus ]]; then handed+=("DBUS_SESSION_BUS_ADDRESS=unix:path=$directory/bus"); fi
	(cd / && exec setpriv --reuid "$rootless_user" --regid "$rootless_user" --init-groups env -i \
		PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin LANG=C.UTF-8 USER="$rootless_user" \
		HOME="$(getent passwd "$rootless_user" | cut -d : -f 6)" XDG_RUNTIME_DIR="$directory" "${handed[@]}" "$@")
}

# --- after ------------------------------------------------------------------------------------------------------------

forget_rootless() {
	local code=$?
	trap - EXIT INT TERM
	if [[ $keep == yes ]]; then
		say "Kept: the user $rootless_user, with all that is its own. The next run with podman-rootless removes it." >&2
	else
		if [[ -n $tun_mode ]]; then chmod "$tun_mode" /dev/net/tun; fi
		forget_rootless_user
	fi
	rm -rf "$rootless_work"
	exit "$code"
}

# Its containers, its images, the process that holds podman's namespace, and the user.
forget_rootless_user() {
	grep -q "^$rootless_user:.*$rootless_mark" /etc/passwd || return 0
	local directory
	directory="$(runtime_directory)"
	if [[ -d $directory ]]; then
		as_rootless podman system reset --force >/dev/null 2>&1 || true
		as_rootless podman system migrate >/dev/null 2>&1 || true
	fi
	if [[ -d /run/systemd/system ]]; then
		loginctl disable-linger "$rootless_user" || true
		loginctl terminate-user "$rootless_user" || true
		until_true 20 test ! -e "$directory" || true
	fi
	rm -rf "$directory"
	userdel --remove "$rootless_user" >/dev/null 2>&1 || warn "the user $rootless_user could not be removed: userdel --remove $rootless_user"
}
