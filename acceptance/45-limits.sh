#!/usr/bin/env bash
# Limits: what an app may take of memory, processes and processor, and that the builder says which of them hold here.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

main() {
	limits="$(api GET /v1/readyz | field '" ".join(sorted(name for name, holds in d["limits"].items() if holds))')"
	of_the_builder
	if has_cgroups_v2; then
		gives "the builder says that all limits of apps hold" '^cpu memory pids$' printf '%s' "$limits"
		memory
		kept_in_its_part
		processes
		processor
		kept_from_the_server
		if [[ $(as_root cat /run/project-memory) ]]; then of_one_project; fi
	else
		gives "on cgroup v1 the builder says that no limit of apps holds" '^$' printf '%s' "$limits"
		gives "and so does appx health" 'limits of apps: none' as_appx appx health
		skipped "an app is held to its memory, processes and processor" "this host has cgroup v1"
	fi
	if own_container "all apps of a project are held together"; then of_a_project; fi
	verdict
}

has_cgroups_v2() { as_root test -e /sys/fs/cgroup/cgroup.controllers; }

of_the_builder() {
	gives "the builder container has a limit of processes" '^[1-9][0-9]*$' engine container inspect --format '{{.HostConfig.PidsLimit}}' "$BUILDER"
	if [[ $OWN == no || $(run_sh --print) != *" --memory "* ]]; then
		skipped "it has a limit of memory" "it was started without one, or this engine cannot set one here"
	else
		gives "it has a limit of memory" '^[1-9][0-9]*$' engine container inspect --format '{{.HostConfig.Memory}}' "$BUILDER"
	fi
}

# Killed by the kernel, and podman knows why.
memory() {
	as_builder podman run --detach --pull=never --label appx.verify=1 --name verify-hog --memory 64m localhost/appx/python \
		python3 -I -c 'len(b"x" * 200_000_000)' >/dev/null
	gives "an app that takes more memory than it may is killed" '^137$' as_builder podman wait verify-hog
	gives "and podman says why" '^true$' as_builder podman inspect --format '{{.State.OOMKilled}}' verify-hog
	must "with the memory it does the same work" inner --memory 512m localhost/appx/python python3 -I -c 'len(b"x" * 200_000_000)'
	new_project verify-limits
	new_session
	# The command of a turn has two minutes; the first time, the image is loaded.
	as_project "$project" podman run --rm --pull=never localhost/appx/python true
	gives "the agent's own commands start apps that are held, too" '^137$' wait_for_the_agents
}

wait_for_the_agents() {
	turn "$project" "$session" "run: podman run --detach --pull=never --label appx.project=$project --label appx.verify=1 --name verify-hog-too --memory 64m localhost/appx/python python3 -I -c 'len(b\"x\" * 200_000_000)'" >/dev/null
	as_project "$project" podman wait verify-hog-too
}

# Root enters bench for each of its commands, so it must be the one that has the limits. Its own ones it may make beside it.
kept_in_its_part() {
	refused "a project cannot take away the cgroup that its commands begin in" "Operation not permitted" in_its_cgroups "
		mkdir -p others
		for n in 1 2 3; do for each in \$(cat bench/cgroup.procs); do echo \$each >others/cgroup.procs; done; done 2>/dev/null
		rmdir bench"
	refused "nor make any below it, which would keep all others out" "Permission denied" in_its_cgroups "mkdir bench/below"
	# Zero: what may write that may write one, and would stand still itself.
	refused "nor stop what begins there" "Permission denied" in_its_cgroups "echo 0 >bench/cgroup.freeze"
	refused "nor nest its own so deep that nobody could remove them" "Resource temporarily unavailable" in_its_cgroups "mkdir -p 1/2/3/4/5/6/7/8/9"
	gives "they begin there all the same" "/$(account_of "$project")/bench\$" as_project "$project" cat /proc/self/cgroup
}

in_its_cgroups() { as_project "$project" podman unshare sh -c "cd /sys/fs/cgroup; $1"; }

forks='
import os, sys, time
try:
    for _ in range(400):
        if os.fork() == 0:
            time.sleep(600)
except OSError as error:
    sys.exit(str(error))'

processes() {
	refused "an app cannot have more processes than it may" "Resource temporarily unavailable" \
		inner --pids-limit 20 localhost/appx/python python3 -I -c "$forks"
}

# Its own clock tells, so a busy machine can only make it less.
processor() {
	gives "an app has the part of a processor that it may" '^0\.[0-3]' inner --cpus 0.25 localhost/appx/python python3 -I -c '
import time
wall, used = time.monotonic(), time.process_time()
while time.monotonic() - wall < 4: pass
print((time.process_time() - used) / (time.monotonic() - wall))'
}

# In a container of its own, because they count from the start on.
of_a_project() {
	engine rm --force "$BUILDER" >/dev/null
	APPX_PROJECT_MEMORY=300 APPX_PROJECT_PROCESSES=300 start_it
	new_project verify-together
	gives "what is enforced of all apps of a project together is said" '"projectLimits": ?\{.*"pids": ?300' api GET /v1/readyz
	refused "the apps of a project cannot have more processes together than they may" "Resource temporarily unavailable" \
		as_project "$project" podman run --rm --pull=never localhost/appx/python python3 -I -c "$forks"
	must "a command of the agent starts all the same" as_project "$project" true
	if has_cgroups_v2; then
		as_project "$project" podman run --detach --pull=never --name verify-first localhost/appx/python \
			python3 -I -c 'x = b"x" * 150_000_000; import time; time.sleep(600)' >/dev/null
		gives "nor more memory: of two, one is killed" '137' two_that_take_much
		refused "and an app cannot raise that" "Permission denied" as_project "$project" podman unshare sh -c 'echo max >/sys/fs/cgroup/memory.max'
	else
		gives "on cgroup v1 the builder says that memory is not held" 'APPX_PROJECT_MEMORY has no effect' api GET /v1/readyz
	fi
	engine rm --force "$BUILDER" >/dev/null
	start_it
}

# Whichever of the two it is.
two_that_take_much() {
	as_project "$project" podman run --detach --pull=never --name verify-next localhost/appx/python \
		python3 -I -c 'x = b"x" * 250_000_000; import time; time.sleep(600)' >/dev/null
	within 60 one_is_killed
	as_project "$project" podman ps --all --format '{{.ExitCode}}'
}

one_is_killed() { [[ $(as_project "$project" podman ps --all --format '{{.ExitCode}}') == *137* ]]; }

# Whatever podman is told, it moves only the processes of the workbench, and its own limits stay.
kept_from_the_server() {
	local server
	server="$(as_root s6-svstat -o pid /run/service/server)"
	must "the builder moves a process of its own between its cgroups" in_podmans_namespace 'echo $$ >/sys/fs/cgroup/bench/cgroup.procs'
	refused "it cannot take the server into a cgroup of its own" "nonexistent|error|denied|No such" \
		in_podmans_namespace "echo $server >/sys/fs/cgroup/bench/cgroup.procs"
	refused "it cannot raise the limit of all apps together" "Permission denied" in_podmans_namespace "echo max >/sys/fs/cgroup/memory.max"
	# shellcheck disable=SC2016 # the shell inside
	refused "nor can root of the container raise that of the container" "error|denied" \
		as_root sh -c 'echo max >"/proc/$(cat /run/cgroups)/root/run/cgroup/memory.max"'
}

# Where the builder container has a limit.
of_one_project() {
	gives "a project may take a part of the memory of all, and not all" '^0\.7[45]' part_of_a_project
	gives "and the builder says how much" "\"memory\": ?$(as_root cat /run/project-memory)" api GET /v1/readyz
	gives "and nothing of it goes to the host's swap" '^0$' of_its_part memory.swap.max
}

of_its_part() {
	# shellcheck disable=SC2016 # the shell inside
	as_root sh -c 'cat "/proc/$(cat /run/cgroups)/root/run/cgroup/work/builder/$1"' sh "$1"
}

part_of_a_project() {
	# shellcheck disable=SC2016 # the shell inside
	as_root sh -c 'work="/proc/$(cat /run/cgroups)/root/run/cgroup/work"; cat "$work/builder/memory.max" "$work/memory.max"' |
		tr '\n' ' ' | awk '{ print $1 / $2 }'
}

in_podmans_namespace() { as_builder podman unshare sh -c "$1"; }

main "$@"
