#!/usr/bin/env bash
# Exhaustion: whatever a project's agent uses up, kills or stops, the API answers, and another project goes on.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

api_seconds=$((5 * slow))

main() {
	new_project verify-exhausts
	new_session
	evil=("$project" "$session")
	new_project verify-other
	new_session
	other=("$project" "$session")
	processors
	processes
	files
	places
	ports_and_connections
	killing
	memory
	verdict
}

# --- what "goes on" means ---------------------------------------------------------------------------------------------

api_answers() { [[ $(status_of --max-time "$api_seconds" "http://$(host_address 4001)/openapi.json") == 200 ]]; }
other_goes_on() { turn "${other[@]}" "say: going on"; }
other_works() { turn "${other[@]}" "run: echo it works" | grep -F 'it works\n' >/dev/null; }

# evil LINE: a command of the evil project's agent, in the background.
evil() { turn "${evil[@]}" "run: $1" >"$RUN/evil.jsonl" 2>&1 & }

# The attempt has to have been made: a bomb that did not go off proves nothing.
processes_now() { as_root sh -c 'ls -d /proc/[0-9]* | wc -l'; }
many_processes() { (($(processes_now) > 1000)); }

# --- the attempts -----------------------------------------------------------------------------------------------------

processors() {
	evil "for i in 1 2 3 4 5 6 7 8; do timeout $((6 * slow)) sh -c 'while :; do :; done' & done; wait"
	soon "eight busy loops run" 10 busy_loops
	gives "and come after the server: each has nice 19" '^19 500$' niceness
	gives "the API answers in less than a second, at the median of 20" '^0\.' median
	wait
}

busy_loops() { (($(as_root sh -c 'pgrep -fc "while :; do"') >= 8)); }

# shellcheck disable=SC2016 # the shell inside
niceness() {
	as_root sh -c 'pid=$(pgrep -f "^sh -c while :; do" | head -n 1)
		echo $(cut -d " " -f 19 "/proc/$pid/stat") $(cat "/proc/$pid/oom_score_adj")'
}

# In seconds of a machine that is not slow.
median() {
	local _
	for _ in {1..20}; do
		curl --silent --noproxy '*' --max-time $((10 * slow)) --output /dev/null --write-out '%{time_total}\n' "http://$(host_address 4001)/openapi.json"
	done | sort -n | awk -v slow="$slow" 'NR == 10 { printf "%.3f\n", $1 / slow }'
}

processes() {
	evil "bomb() { while ((SECONDS < $((10 * slow)))); do bomb & done; }; bomb; wait"
	soon "a fork bomb of an agent goes off" 30 many_processes
	must "meanwhile the API answers within $api_seconds s" api_answers
	must "and a prompt in another project is answered" other_goes_on
	wait
	soon "when it is over, commands of another project work" 60 other_works
	evil "podman run --rm --pull=never localhost/appx/python python3 -I -c '$(bomb_of_many_ids)'"
	soon "a fork bomb of an app, with forty ids, goes off" 40 many_processes
	must "meanwhile the container has room for a new process" as_root true
	must "and the API answers within $api_seconds s" api_answers
	must "and commands of another project work" other_works
	wait
	gives "the bomb was refused more" 'temporarily unavailable' cat "$RUN/evil.jsonl"
}

# On one line, in single quotes of a shell. It goes on until it is refused, and holds what it has for a moment.
bomb_of_many_ids() {
	printf '%s' 'exec("""
import os, time
until = time.monotonic() + '$((60 * slow))'
for uid in range(1, 41):
    try:
        if os.fork(): continue
    except OSError: break
    os.setgid(uid); os.setuid(uid)
    try:
        while time.monotonic() < until:
            if os.fork() == 0: time.sleep(60)
    except OSError as error:
        print(error, flush=True)
    time.sleep(5); os._exit(0)
os.wait()
""")' | sed ':all; N; $!b all; s/\n/\\n/g'
}

files() {
	gives "a process may have some ten thousand files, whatever the engine's own limit is" '^[0-9]{4,5}$' as_builder sh -c 'ulimit -H -n'
	refused "a process gets no more files than its limit" "Too many open files" exhaust files
	refused "and no more inotify instances than its user may have" "Too many open files" exhaust inotify
	inotify_is_held
	must "the API answers" api_answers
}

exhaust() { probe as_builder exhaust "$@"; }

# The kernel counts them in each user namespace above, too: with a rootless engine all are those of the host's one user.
inotify_is_held() {
	local holder
	exhaust inotify /tmp/verify-let-go >"$RUN/held" 2>&1 &
	holder=$!
	must "while somebody has all of them" within 20 grep -q 'has all' "$RUN/held"
	if as_root grep -q '^ *0 *0 ' /proc/self/uid_map; then
		must "the server's user has its own" probe as_appx exhaust inotify-once
	else
		must "a rootless engine's user has them for all" not probe as_appx exhaust inotify-once
	fi
	as_builder touch /tmp/verify-let-go
	wait "$holder" || true
	as_builder rm -f /tmp/verify-let-go
}

places() {
	refused "all of /tmp is written full" "No space left on device" exhaust fill /tmp/verify-full keep
	must "and a prompt in another project is answered" other_goes_on
	must "and its commands work" other_works
	as_builder rm -f /tmp/verify-full
	refused "all of /run/user is written full" "No space left on device" exhaust fill /run/user/1000/verify-full keep
	refused "also by way of the workbench's socket" "No space left on device" exhaust fill /run/workbench/verify-full keep
	must "and s6 still has room" as_root sh -c 'echo >/run/verify-room && rm /run/verify-room'
	must "and a prompt in another project is answered, with /run/user full" other_goes_on
	as_builder rm -f /run/user/1000/verify-full /run/workbench/verify-full
}

# The builder has a network of its own; as somebody who shares the server's.
ports_and_connections() {
	refused "nobody else can take the server's port" "Address already in use" probe as_stranger exhaust port 4001
	refused "2000 connections that say nothing are opened to the server" "held" probe as_stranger exhaust connections 127.0.0.1:4001
	must "and the API answers after them" api_answers
	refused "and to the workbench" "held|Resource temporarily unavailable" exhaust connections /run/workbench/workbench.sock
	must "and commands of another project work after them" other_works
}

killing() {
	refused "the builder cannot stop the server" "Operation not permitted" as_builder kill -STOP "$(as_root s6-svstat -o pid /run/service/server)"
	refused "nor PID 1" "Operation not permitted" as_builder kill -STOP 1
	# shellcheck disable=SC2016 # the shell inside
	refused "nor whoever watches over the services" "Operation not permitted" as_builder sh -c 'kill -KILL $(pgrep -x s6-supervise)'
	refused "nor change what is started" "Read-only file system|Permission denied" as_builder sh -c 'echo >>/run/service/server/run'
	refused "nor the server's program" "Read-only file system|Permission denied" as_builder sh -c 'echo >>/opt/appx/bin/appx'
	must "all its own processes killed, the builder's workbench comes back" kill_all
	soon "and commands of another project work again" 40 other_works
}

# The workbench is among them, and the process that runs this.
kill_all() { as_builder sh -c 'kill -KILL -1' || (($? == 137)); }

# --- memory: in a container of its own, which has little of it -----------------------------------------------------------

memory() {
	[[ $OWN == yes ]] || {
		skipped "a command that takes all memory is ended, not the server" "it takes a container of its own"
		return
	}
	if ! with_little_memory run_sh >"$RUN/little.log" 2>&1 && grep -qiE 'cgroup|memory' "$RUN/little.log"; then
		skipped "a command that takes all memory is ended, not the server" "this engine cannot limit memory here"
	else
		gives "a command that takes all memory is ended, not the server" '^same 137$' takes_all_memory
	fi
	with_little_memory run_sh --destroy --yes >/dev/null 2>&1 || true
}

# From a directory of its own: conmon leaves a file "oom" where it was started.
with_little_memory() (
	cd "$RUN"
	export APPX_RUN_ARGS="--memory 750m --memory-swap 750m" APPX_NAME="$BUILDER-little"
	export APPX_PORT="$OTHER_PORT" APPX_APP_PORTS="$OTHER_APP_PORTS"
	"$@"
)

in_little() { timeout --foreground $((60 * slow)) "${engine[@]}" exec "$BUILDER-little" "$@"; }

takes_all_memory() {
	local before after said
	before="$(in_little s6-svstat -o pid,updownfor /run/service/server | cut -d ' ' -f 1)"
	said="$(little_turn "run: tail /dev/zero; echo code \$?")"
	after="$(in_little s6-svstat -o pid,updownfor /run/service/server | cut -d ' ' -f 1)"
	if [[ $before == "$after" ]]; then printf 'same '; else printf 'another '; fi
	grep -oE 'code [0-9]+' <<<"$said" | tail -n 1 | cut -d ' ' -f 2
}

# A turn in that container: the helpers of lib.sh, with its name.
little_turn() (
	BUILDER="$BUILDER-little"
	new_project verify-memory
	new_session
	turn "$project" "$session" "$1"
)

main "$@"
