#!/usr/bin/env bash
# The kernel: what the builder, its apps and namespaces of their own get to see of it, and which calls they are refused.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

main() {
	server="$(as_root s6-svstat -o pid /run/service/server)"
	calls as_builder >"$RUN/calls-builder"
	calls app --cap-add ALL >"$RUN/calls-app" || true
	calls_of_the_builder
	calls_of_apps
	files_and_devices
	namespaces_and_sockets
	cores
	verdict
}

# calls WHO OPTION...: every call that is kept for others, tried; a line for each group of them.
calls() {
	local who="$1" code
	shift
	code="$(cat "$here/inside/kernel.py")"
	if [[ $who == app ]]; then
		feed_builder podman run --rm --interactive --pull=never --label appx.verify=1 "$@" localhost/appx/python python3 -I -c "$code" calls
	else
		feed_builder python3 -I -c "$code" calls
	fi <"$ROOT/image/seccomp.json"
}

# group WHO NAME: what was said. Fails, as a refused call does, when all of the group were refused.
group() {
	grep "^$2 " "$RUN/calls-$1"
	grep -q "^$2 .*allowed" "$RUN/calls-$1"
}

calls_of_the_builder() {
	refused "the builder can load no code into the kernel, and no other kernel" '^code refused by seccomp: [^;]*$' group builder code
	refused "it can neither watch the kernel nor read its log" '^watching refused by seccomp: [^;]*$' group builder watching
	refused "it reaches no keyring: those are the host's" '^keyrings refused by seccomp: [^;]*$' group builder keyrings
	refused "io_uring and the odd calls about memory are closed" '^memory refused by seccomp: [^;]*$' group builder memory
	refused "it gets no port of the hardware" '^hardware refused by seccomp: [^;]*$' group builder hardware
	refused "it cannot set the clock" '^clock refused by seccomp: [^;]*$' group builder clock
	refused "it gets at no disk, quota or swap" '^disks refused by seccomp: [^;]*$' group builder disks
	refused "it can neither reboot, mount, change the root, the name nor make a device" \
		'^container refused by seccomp: reboot [^;]*; by the kernel: [^;]*$' group builder container
	refused "a 32-bit call ends who makes it" "killed by SIGSYS|has no such calls" probe as_builder kernel foreign
}

# Capabilities of a user namespace open what the kernel checks there; the filter asks nobody's capabilities.
calls_of_apps() {
	gives "an app with every capability is refused by the same filter, call by call" '^equal$' same_filter
	refused "it can load no code, watch nothing, reach no keyring, clock, disk or hardware" '^refused: all$' all_by_seccomp
	refused "also when --privileged is asked for" '^refused: all$|mount .sysfs. to .sys.: Operation not permitted' privileged
}

filtered_groups='^(code|watching|keyrings|memory|hardware|clock|disks) '

same_filter() {
	local who
	for who in builder app; do
		# Another filter on top may give another errno.
		grep -E "$filtered_groups" "$RUN/calls-$who" | sed -E 's/ \(E[A-Z]+\)//g' >"$RUN/filter-$who"
	done
	[[ -s $RUN/filter-app ]] || return 1
	diff "$RUN/filter-builder" "$RUN/filter-app" && echo equal
}

all_by_seccomp() {
	local others
	others="$(grep -E "$filtered_groups" "$RUN/calls-app" | grep -vE 'refused by seccomp: [^;]*$' || true)"
	if [[ -n $others ]]; then printf '%s\n' "$others"; else echo "refused: all" && return 1; fi
}

privileged() {
	calls app --privileged >"$RUN/calls-app" 2>&1 || { cat "$RUN/calls-app" && return 1; }
	all_by_seccomp
}

files_and_devices() {
	refused "the builder can write to no file of /proc, /sys or the control groups" "Permission denied" probe as_builder surface writable
	refused "an app with every capability, and /proc and /sys of the builder, only to what is of its own namespaces" \
		"Read-only file system|Permission denied" app_surface "--security-opt unmask=ALL --volume /sys:/sys" writable namespaced
	refused "there is no device but the harmless ones, and the builder can make none" "Operation not permitted" probe as_builder surface devices
	refused "nor can an app with every capability" "Operation not permitted" app_surface "" devices
	refused "the kernel's addresses are hidden" 'hidden$' addresses
	if [[ -n $(id_of_root) ]]; then
		refused "root of the container can change no setting of the host's kernel" "Permission denied|Read-only" \
			as_root sh -c 'cat /proc/sys/kernel/core_pattern >>/proc/sys/kernel/core_pattern'
	else
		skipped "root of the container can change no setting of the host's kernel" \
			"with a rootful engine its uid 0 is the host's (docs/security.md); nobody becomes root"
	fi
}

# The id of the container's root on the host, when it is not 0.
# shellcheck disable=SC2016 # awk's
id_of_root() { as_root awk '$1 == 0 && $2 != 0 { print $2 }' /proc/self/uid_map; }

addresses() {
	if as_builder grep -qvE '^0+ ' /proc/kallsyms; then echo "there are addresses"; else echo hidden && return 1; fi
}

# app_surface OPTIONS ARGUMENT...: an app with every capability looks.
app_surface() {
	local options
	read -r -a options <<<"$1"
	inner --cap-add ALL "${options[@]}" localhost/appx/python python3 -I -c "$(cat "$here/inside/surface.py")" "${@:2}"
}

namespaces_and_sockets() {
	refused "a namespace of the builder's own mounts no disk, and only what shows its own" "Operation not permitted" probe as_builder surface filesystems
	refused "an app with every capability mounts no more" "Operation not permitted" app_surface "" filesystems
	refused "the builder gets no raw, packet, hypervisor or cryptography socket" "AF_VSOCK: " probe as_builder surface sockets
	refused "in a network of its own raw sockets, and none of the rare families" "AF_VSOCK: " probe as_builder surface sockets own
	refused "nor does an app with every capability, in the builder's network" "AF_VSOCK: " app_surface "--network host" sockets
	refused "a pair of sockets is made of no family but AF_UNIX" "Address family not supported" probe as_builder surface pairs
	refused "nor in a network of its own" "Address family not supported" probe as_builder surface pairs own
	refused "nor by an app with every capability" "Address family not supported" app_surface "--network host" pairs
	refused "the builder cannot enter a namespace of PID 1" "Permission denied" probe as_builder surface enter 1
	refused "nor of the server" "Permission denied" probe as_builder surface enter "$server"
	refused "nor can an app that sees them" "Permission denied" app_surface "--pid host" enter "$server"
}

cores() {
	gives "a server that crashes leaves no core" 'Max core file size +0 +0 +bytes' as_root cat "/proc/$server/limits"
	# shellcheck disable=SC2016 # the shell inside
	gives "nor does a command of the agent" '"result": ."content": .."type": "text", "text": "0["\\]' turn_that_says 'run: ulimit -H -c'
}

turn_that_says() {
	new_project verify-kernel
	new_session
	turn "$project" "$session" "$1"
}

main "$@"
