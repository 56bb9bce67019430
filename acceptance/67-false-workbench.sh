#!/usr/bin/env bash
# An agent ends the workbench of its project, which has its uid, and answers the server in its place.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

main() {
	if [[ $(api GET /v1/readyz | field 'd["notes"]') != "[]" ]]; then
		skipped "a false workbench harms no other project" "all projects share one: $(api GET /v1/readyz | field 'd["notes"][0]')"
		return
	fi
	new_project verify-other
	new_session
	other=("$project" "$session")
	server="$(server_now)"
	an_answer_without_end
	an_answer_without_sense
	silence
	the_workbench_of_another
	a_step_of_many_digits
	gives "all the time the server was the same process" "^$server\$" server_now
	verdict
}

server_now() { as_root pgrep --uid appx --full '/appx serve'; }
# In MiB: the most that it ever had.
# shellcheck disable=SC2016 # the shell inside
memory_of_the_server() { as_root sh -c 'awk "/VmHWM/ { print int(\$2 / 1024) }" "/proc/$1/status"' sh "$server"; }
is_small() { (($(memory_of_the_server) < 600)); }
other_works() { turn "${other[@]}" "run: echo it works" | grep -F 'it works\n' >/dev/null; }

# take NAME WHAT: a new project, of which the workbench is false from here on.
take() {
	new_project "$1"
	# shellcheck disable=SC2016 # the shell inside
	feed_project "$project" sh -c 'exec python3 -I - "$XDG_RUNTIME_DIR/workbench.sock" "$1"' sh "$2" \
		<"$here/inside/false_bench.py" >"$RUN/taken" 2>&1 &
	soon "an agent takes the place of its workbench: $1" 120 grep -q taken "$RUN/taken"
}

gone() { must "and its project can be deleted" api DELETE "/v1/projects/$project"; }

an_answer_without_end() {
	take verify-endless endless
	refused "an answer that does not end is cut off" "answered more than [0-9,]+ bytes" api GET "/v1/projects/$project/tree"
	must "the server did not grow" is_small
	must "and another project works" other_works
	gone
}

an_answer_without_sense() {
	take verify-nonsense nonsense
	refused "one that makes no sense is refused" "makes no sense" api GET "/v1/projects/$project/tree"
	must "nor did it grow for what is wrong with four million values" is_small
	must "and another project works" other_works
	gone
}

silence() {
	local waiting=()
	take verify-silent silence
	api GET "/v1/projects/$project/tree" >/dev/null 2>&1 &
	waiting+=($!)
	api POST /v1/projects '{"name": "verify-silent"}' >/dev/null 2>&1 &
	waiting+=($!)
	sleep 1
	must "while one says nothing, another project works" other_works
	must "and a new one can be made" api POST /v1/projects '{"name": "verify-third"}'
	made+=(verify-third)
	gone
	kill "${waiting[@]}" 2>/dev/null || true
}

the_workbench_of_another() {
	local runtime
	runtime="/run/user/$(as_project "${other[0]}" id -u)"
	take verify-link "$runtime/workbench.sock"
	refused "a link to the workbench of another project is not followed" "somebody else listens there" api GET "/v1/projects/$project/tree"
	gone
}

# No false workbench is needed: any build can print what looks like a step of podman's.
a_step_of_many_digits() {
	new_project verify-steps
	feed_project "$project" sh -c 'cat >Containerfile' <<'END'
FROM localhost/appx/base
RUN printf 'STEP %05000d/1: x\n' 1
CMD ["false"]
END
	must "a build prints what looks like a step, with 5,000 digits" api POST "/v1/projects/$project/deployments" '{}'
	soon "and ends" 120 has_ended
}

has_ended() { [[ $(api GET "/v1/projects/$project/deployments" | field 'd["deployments"][0]["status"]') != running ]]; }

main "$@"
