# shellcheck shell=bash disable=SC2154 # the settings are run.sh's.
# What this host can do for the builder container: AppArmor, limits. Sourced by run.sh; needs common.sh and engine.sh.

# --- AppArmor ---------------------------------------------------------------------------------------------------------

has_apparmor() { grep -qs Y /sys/module/apparmor/parameters/enabled; }

# Ours when it is loaded and the engine can set one: a rootless podman cannot.
apparmor_profile() {
	if apparmor_is_loaded && { [[ $kind == docker ]] || ((EUID == 0)); }; then echo appx-builder; else echo unconfined; fi
}

# The list of profiles is root's; the names of these directories are for everybody.
apparmor_is_loaded() { compgen -G '/sys/kernel/security/apparmor/policy/profiles/appx-builder.*' >/dev/null; }

# Below /etc, because the container starts after a reboot only when the profile is loaded before.
load_apparmor="sudo install -m 0644 $root/image/apparmor/appx-builder /etc/apparmor.d/ && sudo apparmor_parser --replace /etc/apparmor.d/appx-builder"

mention_apparmor() {
	if ! has_apparmor || apparmor_is_loaded || { [[ $kind == podman ]] && ((EUID != 0)); }; then return; fi
	say "This host has AppArmor, but not the profile of appx, so the container runs without one. Load it, then run.sh --rebuild:"
	say "  $load_apparmor"
}

# hint_at_apparmor FILE: when the log shows what a foreign profile does.
hint_at_apparmor() {
	has_apparmor && grep -aqE 'cannot clone: Permission denied|cannot re-exec process' "$1" || return 1
	say "An AppArmor profile of this host forbids user namespaces. Load the one of appx, then run.sh --rebuild:"
	say "  $load_apparmor"
}

# --- limits -----------------------------------------------------------------------------------------------------------

# Unless it is said: three quarters of the host, so that the host itself stays usable whatever apps do.
choose_memory() {
	if [[ -n $memory ]]; then return; fi
	memory=none
	if can_limit_memory; then memory="$(awk '/^MemTotal:/ { print int($2 * 3 / 4 / 1024) "m" }' /proc/meminfo)"; fi
}

# A rootless engine only where systemd delegates the controller to the user; an engine would refuse to start with it.
can_limit_memory() {
	if [[ $kind == docker ]]; then
		[[ $("${engine[@]}" info --format '{{.MemoryLimit}}' 2>/dev/null) == true ]]
	else
		"${engine[@]}" info --format '{{.Host.CgroupControllers}}' 2>/dev/null | grep -wc memory >/dev/null
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
