#!/usr/bin/env bash
# The walls: what each zone of the container may do, and what it is refused. Each refusal has to give its reason.
# acceptance/README.md says how each of these checks was seen to fail.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

state=/workspace/.pi-global
socket=/run/workbench/workbench.sock

main() {
	# Something of every zone has to run while it is looked at.
	as_builder podman run --detach --pull=never --label appx.verify=1 --name verify-walls localhost/appx/base sleep infinity >/dev/null
	server="$(service_pid server)"
	processes
	files
	builder_and_server
	builder_and_state
	the_api
	the_socket
	planted_modules
	inner_containers
	the_start_of_podman
	apparmor
	verdict
}

service_pid() { as_root s6-svstat -o pid "/run/service/$1"; }

processes() {
	must "only root has capabilities, SETUID and SETGID; ambient ones nobody" probe as_root processes capabilities
	must "nothing can ever get another capability (bounding set)" probe as_root processes bounding
	must "no process can gain privileges (NoNewPrivs)" probe as_root processes no_new_privileges
	must "every process is under a seccomp filter" probe as_root processes filtered
	must "every process belongs to a zone, and only s6 runs as root" probe as_root processes owner
	refused "root of the container cannot signal the server" "Operation not permitted" as_root kill -TERM "$server"
	refused "root of the container cannot read the server's environment" "Permission denied" as_root cat "/proc/$server/environ"
	refused "root of the container cannot mount" "permission denied|must be superuser|Operation not permitted" as_root mount -t tmpfs none /mnt
}

files() {
	refused "the root file system is read-only for root" "Read-only file system" as_root touch /etc/verify
	refused "and for the server" "Read-only file system|Permission denied" as_appx touch /opt/appx/verify
	refused "and for the builder, also where the files are its own" "Read-only file system" as_builder touch /home/builder/verify
	refused "root cannot make it writable" "Function not implemented|permission denied|Operation not permitted|must be superuser" as_root mount -o remount,rw /
	gives "no program in the container is setuid, setgid or has file capabilities" '^$' raising_files
}

# What can be reached by a uid that starts programs; verify's first file looks at every file of the image.
raising_files() {
	as_builder sh -c 'find / -xdev -type f -perm /6000 2>/dev/null || true'
	as_builder python3 -I -c '
import os
for top, _, names in os.walk("/usr"):
    for name in names:
        path = os.path.join(top, name)
        if not os.path.islink(path) and "security.capability" in os.listxattr(path):
            print(path)'
}

builder_and_server() {
	must "the builder can trace a process of its own" probe as_builder reach trace child
	refused "it cannot trace the server" "Operation not permitted" probe as_builder reach trace "$server"
	must "the builder can read the memory of a process of its own" probe as_builder reach memory child
	refused "it cannot read the server's memory" "Permission denied" probe as_builder reach memory "$server"
	refused "it cannot read the server's environment" "Permission denied" as_builder cat "/proc/$server/environ"
	refused "it cannot see the server's open files" "Permission denied" as_builder ls "/proc/$server/fd/"
	refused "it cannot signal the server" "Operation not permitted" as_builder kill -TERM "$server"
	refused "it cannot signal PID 1" "Operation not permitted" as_builder kill -TERM 1
	refused "it cannot become root" "Invalid argument|Operation not permitted" probe as_builder reach become 0
	refused "it cannot become the server's user" "Invalid argument|Operation not permitted" probe as_builder reach become "$(as_root id -u appx)"
	refused "it cannot command the services" "Permission denied" as_builder s6-svc -d /run/service/server
}

builder_and_state() {
	must "the builder can read the builder prompt" as_builder cat "$state/AGENTS.md"
	refused "it cannot change it" "Permission denied" as_builder sh -c "echo mine >>$state/AGENTS.md"
	refused "it cannot remove it" "Permission denied" as_builder rm -f "$state/AGENTS.md"
	refused "it cannot make a file in the server's directory" "Permission denied" as_builder touch "$state/verify"
	refused "it cannot list the server's directory" "Permission denied" as_builder ls "$state"
	refused "it cannot rename the server's directory" "Operation not permitted" as_builder mv -T "$state" /workspace/verify-moved
	refused "it cannot read the token" "Permission denied" as_builder cat "$state/token"
	refused "it cannot read the database" "Permission denied" as_builder cat "$state/appx.db"
	gives "no other file of the server is readable by others" '^AGENTS.md$' \
		as_appx find "$state" -mindepth 1 -type f -perm /077 -printf '%f\n'
}

the_api() {
	gives "who reaches the API gets 401 without a token" '^401$' \
		as_stranger curl --silent --noproxy '*' --output /dev/null --write-out '%{http_code}' http://127.0.0.1:4001/v1/projects
	refused "the builder does not reach the API" "Could not connect|Couldn't connect" \
		as_builder curl --silent --show-error --noproxy '*' --max-time $((10 * slow)) http://127.0.0.1:4001/v1/projects
	refused "nor does an app" "refused|timed out|Could not resolve" \
		fetch pasta host.containers.internal:4001/v1/projects
}

the_socket() {
	must "the server may connect to the workbench" probe as_appx reach connect "$socket"
	must "the builder may, for it is its own" probe as_builder reach connect "$socket"
	refused "root may not" "Permission denied" probe as_root reach connect "$socket"
	refused "another user may not" "Permission denied" probe as_stranger reach connect "$socket"
	refused "an app does not see it" "No such file" inner localhost/appx/base ls "$socket"
}

# Commands of "exec" begin in /workspace, where every agent may write: with --running one may have put a module there.
planted_modules() {
	new_project verify-planted
	as_project "$project" sh -c 'echo "print(\"verify-planted\")" >/workspace/socket.py'
	gives "a module that a project puts where commands begin is loaded by a Python that looks there" '^verify-planted$' \
		as_builder python3 -I -B -c 'import sys; sys.path.insert(0, ""); import socket'
	must "the suite's Python does not load it as root" not loads_the_plant
	gives "nor as the server's user" '^$' probe as_appx reach connect "$socket"
	gives "nor as the builder" '^$' probe as_builder reach connect "$socket"
	as_project "$project" rm /workspace/socket.py
}

# Root may not connect, so it says something in any case.
loads_the_plant() { [[ "$(probe as_root reach connect "$socket" 2>&1)" == *verify-planted* ]]; }

# Whatever the agent asks of podman, a container of the builder is no more than the builder.
inner_containers() {
	refused "an app with every capability and the builder's files cannot read the token" "Permission denied" \
		inner --cap-add ALL --volume /:/host:ro localhost/appx/base cat "/host$state/token"
	must "an app in the builder's process namespace sees the server" inner --pid host localhost/appx/base test -d "/proc/$server"
	refused "and cannot read its environment" "Permission denied" inner --cap-add ALL --pid host localhost/appx/base cat "/proc/$server/environ"
	refused "and cannot signal it" "Operation not permitted" inner --cap-add ALL --pid host localhost/appx/base sh -c "kill -TERM $server"
	refused "an ordinary app cannot mount" "permission denied|Operation not permitted|must be superuser" \
		inner localhost/appx/base mount -t tmpfs none /mnt
	refused "two isolated networks do not reach each other" "timed out|unreachable|No route|Name or service" across_networks
}

# One command of podman has capabilities: the one that makes its user namespace, each time the workbench starts. It must
# read nothing of the builder's. The loader's log tells which programs were started with what the builder planted.
the_start_of_podman() {
	own_container "what the builder planted is not loaded by the one command that has capabilities" || return 0
	as_builder sh -c 'mkdir -p ~/.config/containers /tmp/verify-planted
		printf "[engine]\nenv=[\"LD_DEBUG=files\", \"LD_DEBUG_OUTPUT=/tmp/verify-planted/ld\"]\n" >~/.config/containers/containers.conf'
	as_builder podman info >/dev/null
	gives "what the builder plants is loaded by podman when the builder calls it" 'conmon|crun' programs_of_the_plant
	# Without the workbench nobody else calls podman meanwhile.
	as_root s6-svc -O /run/service/workbench
	as_builder kill -KILL "$(service_pid workbench)"
	as_root s6-svwait -D -t $((5000 * slow)) /run/service/workbench
	as_builder sh -c 'kill -KILL -1' || true
	as_builder sh -c 'rm /tmp/verify-planted/*'
	as_root s6-svc -u /run/service/workbench
	soon "podman's namespace is made anew, and the workbench is back" 60 is_ready
	must "without loading it in the one command that has capabilities" not plant_has newuidmap
	as_builder sh -c 'rm -r ~/.config/containers /tmp/verify-planted'
}

plant_has() { [[ $(programs_of_the_plant) == *"$1"* ]]; }

programs_of_the_plant() { as_builder sh -c 'cat /tmp/verify-planted/* 2>/dev/null | sed -n "s/.*initialize program: //p" | sort -u'; }

# Root of the container has the uid of the host's root, who owns these. They are opened, and not written to.
apparmor() {
	if ! as_root cat /proc/self/attr/current 2>/dev/null | grep -F appx-builder >/dev/null; then
		skipped "the AppArmor profile keeps root of the container from the kernel's settings" "it is not in force on this host"
		return
	fi
	gives "an app is under the AppArmor profile, too" '^appx-builder \(enforce\)' inner localhost/appx/base cat /proc/self/attr/current
	must "root of the container can open a setting of its own network" as_root sh -c 'printf "" >>/proc/sys/net/ipv4/ip_default_ttl'
	refused "it cannot change what the host runs at a crash" "Permission denied" as_root sh -c 'printf "" >>/proc/sys/kernel/core_pattern'
	refused "it cannot restart the host" "Permission denied" as_root sh -c 'printf "" >>/proc/sysrq-trigger'
	refused "it cannot change how the host uses its memory" "Permission denied" as_root sh -c 'printf "" >>/proc/sys/vm/drop_caches'
}

across_networks() {
	local address code=0
	as_builder podman network create --opt isolate=true --label appx.verify=1 verify-one >/dev/null
	as_builder podman network create --opt isolate=true --label appx.verify=1 verify-two >/dev/null
	as_builder podman run --detach --pull=never --label appx.verify=1 --network verify-one --name verify-web localhost/appx/static >/dev/null
	address="$(as_builder podman inspect --format '{{(index .NetworkSettings.Networks "verify-one").IPAddress}}' verify-web)"
	# The same request from its own network has to succeed, else the refusal says nothing.
	fetch verify-one "$address:8080/" || code=99
	if ((code == 0)); then fetch verify-two "$address:8080/" || code=$?; fi
	as_builder podman rm --force --time 0 verify-web >/dev/null
	as_builder podman network rm verify-one verify-two >/dev/null
	return "$code"
}

# fetch NETWORK ADDRESS: from an app.
fetch() {
	inner --network "$1" localhost/appx/python python3 -I -c '
import sys, urllib.request
try:
    urllib.request.urlopen("http://" + sys.argv[1], timeout=float(sys.argv[2]))
except OSError as error:
    sys.exit(str(error))' "$2" $((4 * slow))
}

main "$@"
