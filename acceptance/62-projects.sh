#!/usr/bin/env bash
# Projects are kept from each other: each works under an account of its own, which is wiped before another gets it.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

main() {
	if ! each_has_a_uid; then
		without_uids
		verdict
		return
	fi
	must "no two accounts share an id" no_range_twice
	two_projects
	files_of_the_other
	places_of_all
	processes_of_the_other
	containers_of_the_other
	the_launcher
	names_in_the_workspace
	names_that_searches_read
	its_workbench_comes_back
	a_delete_leaves_nothing
	a_second_owner_finds_nothing
	ends_for_want_of_work
	by_the_setting
	verdict
}

each_has_a_uid() { [[ $(api GET /v1/readyz | field 'd["notes"]') == "[]" ]]; }

no_range_twice() {
	as_root cat /etc/subuid | sort -t : -k 2 -n | awk -F : '$2 < free { bad = 1 } { free = $2 + $3; n++ } END { exit bad || n < 200 }'
}

# A rootless engine with too few ids, or an older volume: it works as before, and says so.
without_uids() {
	gives "where there are no uids for projects, readyz says so and why" 'all share one uid, because' api GET /v1/readyz
	gives "and is ready" '"ready": ?true' api GET /v1/readyz
	new_project verify-shared
	gives "a project then belongs to the builder" '^builder$' account_of "$project"
	skipped "projects are kept from each other" "there is one uid for all: $(api GET /v1/readyz | field 'd["notes"][0]')"
}

two_projects() {
	new_project verify-other
	other="$project" attacker="$(account_of "$project")"
	new_session
	other_session="$session"
	new_project verify-victim
	victim="$project" owner="$(account_of "$project")"
	new_session
	must "one project has a file, a process and an app" turn "$victim" "$session" \
		"run: echo secret >secret.txt; (SECRET=1 exec -a verify-argument sleep infinity >/dev/null 2>&1 &) ; podman run -d --restart always --name verify-victim-app localhost/appx/base sleep 314159"
	must "each has an account of its own" test "$owner" != "$attacker"
}

# As the account itself, with all that its agent can do.
as_other() { as_project "$other" "$@"; }

files_of_the_other() {
	local home="/home/$owner" runtime
	runtime="/run/user/$(as_account "$owner" id -u)"
	must "a project reads its own files" as_project "$victim" cat secret.txt
	refused "another cannot read them" "Permission denied" as_other cat "/workspace/$victim/secret.txt"
	refused "its agent cannot either" "Permission denied" agent_says "cat /workspace/$victim/secret.txt"
	refused "nor list its directory" "Permission denied" as_other ls "/workspace/$victim"
	refused "nor write into it" "Permission denied" as_other touch "/workspace/$victim/mine"
	refused "nor rename its directory" "Operation not permitted" as_other mv -T "/workspace/$victim" /workspace/verify-moved
	refused "nor read its storage" "Permission denied" as_other ls "$home/storage"
	refused "nor make a place for an account that has none yet" "Permission denied" as_other mkdir /home/builder/.local/share/containers/p999
	refused "nor enter its runtime directory" "Permission denied" as_other ls "$runtime"
	refused "nor connect to its workbench" "Permission denied" probe as_other reach connect "$runtime/workbench.sock"
	must "which the server can" probe as_appx reach connect "$runtime/workbench.sock"
	refused "also not with a container that has its directory and every capability" "Permission denied" \
		as_other podman run --rm --cap-add ALL --volume /workspace:/all localhost/appx/base cat "/all/$victim/secret.txt"
	refused "a directory in the way of a new project does not become part of it" "Permission denied" in_the_way
}

# Where everybody may write, with everything open to all.
places_of_all() {
	local memory open="/tmp/verify-open /var/tmp/verify-open /dev/shm/verify-open"
	memory="$(as_project "$victim" sh -c "umask 0; echo open | tee $open >/dev/null; ipcmk --shmem 4096 --mode 0666" | tr -dc 0-9)"
	gives "a project finds what it put where all may write" '^open open open $' as_project "$victim" sh -c "cat $open | tr '\n' ' '"
	refused "another does not find it in /tmp" "No such file" as_other cat /tmp/verify-open
	refused "nor in /var/tmp" "No such file" as_other cat /var/tmp/verify-open
	refused "nor in /dev/shm" "No such file" as_other cat /dev/shm/verify-open
	must "nor is it in those of the container" not as_root sh -c "cat $open 2>/dev/null | grep open"
	must "a project has shared memory" as_project "$victim" ipcs --shmems --id "$memory"
	refused "which is not there for another" "invalid id" as_other ipcrm --shmem-id "$memory"
	refused "what it keeps in /dev/shm has an end" "No space left on device" as_project "$victim" sh -c 'head -c 65M /dev/zero >/dev/shm/verify-full'
	must "which is not another's" as_other sh -c 'head -c 60M /dev/zero >/dev/shm/verify-room && rm /dev/shm/verify-room'
}

# The agent's own way: a turn of the demo that runs a command and shows what it said.
agent_says() {
	turn "$other" "$other_session" "run: $1" >"$RUN/said" || return 1
	cat "$RUN/said"
	! grep -q "Permission denied" "$RUN/said"
}

# Somebody guesses the name of the next project.
in_the_way() {
	as_other sh -c 'mkdir -m 0777 /workspace/verify-next'
	new_project verify-next
	echo "$project"
	if [[ $project == verify-next ]]; then return 0; fi
	as_project "$project" sh -c 'echo secret >secret.txt'
	local code=0
	as_other cat "/workspace/$project/secret.txt" || code=$?
	api DELETE "/v1/projects/$project" >/dev/null
	return "$code"
}

processes_of_the_other() {
	local workbench background
	workbench="$(seen_of_the_other '[/]appx workbench' --euid "$owner" || workbench_of "$victim")"
	background="$(seen_of_the_other '[v]erify-argument' || as_root pgrep -u "$owner" -f verify-argument | head -n 1)"
	must "a project traces a process of its own" probe as_other reach trace child
	gives "it sees its own processes and those of its podman" "^netns $attacker \$" owners_of_what_it_sees
	refused "another does not see its command lines" "not among its processes" seen_of_the_other '[v]erify-argument'
	refused "it cannot trace the other's workbench" "No such process" probe as_other reach trace "$workbench"
	refused "nor read its memory" "No such file" probe as_other reach memory "$workbench"
	refused "nor its environment" "No such file" as_other cat "/proc/$workbench/environ"
	refused "nor see its open files" "No such file" as_other ls "/proc/$workbench/fd/"
	refused "nor signal it" "No such process" as_other kill -0 "$workbench"
	refused "nor signal what its agent left running" "No such process" as_other kill -TERM "$background"
	refused "it cannot become the other" "Invalid argument|Operation not permitted" probe as_other reach become "$(as_account "$owner" id -u)"
	refused "nor the builder" "Invalid argument|Operation not permitted" probe as_other reach become "$(as_builder id -u)"
	workbench="$(workbench_of "$victim")"
	refused "and the builder cannot signal a project's workbench" "Operation not permitted" as_builder kill -TERM "$workbench"
}

# seen_of_the_other PATTERN [OPTION...]: the id by which another project sees a process of this one.
seen_of_the_other() {
	if ! as_other pgrep --full "$@"; then
		echo "not among its processes" >&2
		return 1
	fi | head -n 1
}

owners_of_what_it_sees() { as_other ps -e -o user= | sort -u | tr '\n' ' '; }

containers_of_the_other() {
	gives "a project sees its own app" verify-victim-app as_project "$victim" podman ps --format '{{.Names}}'
	gives "another does not see it" '^$' as_other podman ps --all --format '{{.Names}}'
	refused "nor see its process from a container that sees all processes" "not among them" \
		as_other podman run --rm --cap-add ALL --pid host localhost/appx/base sh -c \
		'cat /proc/[0-9]*/cmdline | tr "\0" " " | grep "sleep 31415[9]" || { echo "not among them" && exit 1; }'
	refused "nor stop it" "none of its own has this name" stops_an_app_of_the_other
}

# "no container with name" is what is looked for here, and elsewhere a sign that the attempt was not made.
stops_an_app_of_the_other() {
	local said code=0
	said="$(as_other podman stop verify-victim-app 2>&1)" || code=$?
	if [[ $said == *"no such container"* ]]; then said="none of its own has this name"; fi
	echo "$said"
	((code == 0))
}

the_launcher() {
	refused "an account cannot reach the launcher" "Permission denied" probe as_other reach connect /run/launcher/socket
	refused "the launcher takes nothing but its few words" "^failed this is no" ask "start ../../etc"
	refused "and no account that is not there" "^failed there is no account" ask "wipe 999"
	refused "it knows no account of builder's or root's" "^failed this is no number" ask "wipe 0"
	refused "an account cannot take the lock that root waits for" "Permission denied" as_other flock --nonblock "/run/accounts/$attacker.lock" true
	refused "nor that of its network" "Permission denied" as_other flock --nonblock "/run/network/$attacker.lock" true
	gives "the launcher does not wait for what an account made of its files" '^no$' asks_about_a_pipe
}

asks_about_a_pipe() {
	local code=0 list="/home/$attacker/storage/overlay-containers/containers.json"
	as_other sh -c "mkdir -p ${list%/*} && if [ -e $list ]; then mv $list $list.kept; fi && mkfifo $list"
	ask "apps $((10#${attacker#p}))" || code=$?
	as_other sh -c "rm $list && if [ -e $list.kept ]; then mv $list.kept $list; fi"
	return "$code"
}

# ask LINE: of the launcher, as the server does; fails when that refuses.
ask() {
	as_appx python3 -I -c '
import socket, sys
with socket.socket(socket.AF_UNIX) as client:
    client.connect("/run/launcher/socket")
    client.sendall(sys.argv[1].encode() + b"\n")
    answer = client.recv(4096).decode()
print(answer)
sys.exit(answer.startswith("failed"))' "$1"
}

# Everybody may make some there. The server starts anew with the directory further below.
names_in_the_workspace() {
	as_other sh -c 'mkdir /workspace/.restore-verify && touch /workspace/.restore-verify/a && chmod 0744 /workspace/.restore-verify'
	as_other python3 -I -c 'import os
os.chdir("/workspace")
for each in ("verify-taken", "verify-taken-ffff"): open(each, "w").close()
for n in range(65535): os.link(("verify-taken", "verify-taken-ffff")[n % 2], f"verify-taken-{n:04x}")'
	new_project verify-taken
	gives "where an agent has taken all short ids, a new project gets a longer one" '^verify-taken-[0-9a-f]{16}$' echo "$project"
	api DELETE "/v1/projects/$project" >/dev/null
	as_other find /workspace -maxdepth 1 -name 'verify-taken*' -type f -delete
}

# ripgrep and fd read them above a project. A try that is not refused leaves nothing, for the sake of those that come after.
# shellcheck disable=SC2016 # the shell inside
names_that_searches_read() {
	refused "an agent cannot say what the searches of others leave out" "Permission denied" as_other sh -c '
		for each in .ignore .rgignore .fdignore .gitignore .git/info; do
			if echo "*" >"/workspace/$each"; then rm "/workspace/$each" && exit 0; fi
		done
		exit 1'
	refused "nor put others in the place of those that say nothing" "Operation not permitted" as_other sh -c '
		for each in .ignore .rgignore .fdignore .gitignore .git; do
			if mv -T "/workspace/$each" /workspace/verify-moved; then mv -T /workspace/verify-moved "/workspace/$each" && exit 0; fi
		done
		exit 1'
	gives "a search of another project finds its file" 'secret\.txt' as_project "$victim" rg --hidden --files-with-matches "^secret\$" .
}

its_workbench_comes_back() {
	as_account "$owner" pkill -KILL -f '/appx workbench'
	soon "a project's workbench that is killed is back" 30 turn "$victim" "$session" "run: cat secret.txt"
	gives "and its app never went away" verify-victim-app as_project "$victim" podman ps --format '{{.Names}}'
}

# Whatever it hid, whoever it became: as its container's users, with System V, in the directories of all.
a_delete_leaves_nothing() {
	as_account "$owner" sh -c 'touch /tmp/verify-left /dev/shm/verify-left; ipcmk -M 4096 >/dev/null; mkdir /workspace/verify-left
		podman unshare setpriv --reuid 5 --regid 5 --clear-groups sh -c "sleep infinity & ipcmk -Q >/dev/null; touch /tmp/verify-left-5"' >/dev/null 2>&1
	# It lets another in, who lets nobody in.
	as_project "$victim" sh -c "chmod 0777 ~ . && mkdir -m 0777 ~/open open"
	as_other sh -c "for each in /home/$owner/open /workspace/$victim/open; do mkdir -m 0700 \$each/mine && echo mine >\$each/mine/file; done"
	as_builder sh -c "for each in /home/$owner /workspace/$victim; do mkdir -m 0700 \$each/builders && echo mine >\$each/builders/file; done"
	must "something of it is everywhere" has_something
	must "the project is deleted" api DELETE "/v1/projects/$victim"
	# First of all: whoever enters the account makes its network, which closes the home, too.
	refused "its home is not open to another, for whoever gets it next" "Permission denied" as_other mkdir "/home/$owner/.config"
	gives "no process of it is left, of whatever uid" '^$' processes_of "$owner"
	gives "no file of it is left" '^$' files_of "$owner"
	must "nor its directory, into which it had let another" not as_root test -e "/workspace/$victim"
	gives "no shared memory and no queue of it is left" '^$' objects_of "$owner"
	must "the other project still works" turn "$other" "$other_session" "run: podman ps"
}

# An account is given again as late as possible. A server that starts anew begins after the highest that is in use.
a_second_owner_finds_nothing() {
	own_container "the next project with that account finds nothing" || return 0
	as_appx kill -KILL "$(as_root s6-svstat -o pid /run/service/server)"
	soon "the server is back, also with an agent's directory that looks like a restore's" 30 is_ready
	as_other rm -r /workspace/.restore-verify
	new_project verify-heir
	new_session
	gives "a new project gets the account of the deleted one" "^$owner\$" account_of "$project"
	must "it works" turn "$project" "$session" "run: echo mine"
	gives "it has a clean home" '^(.config )?(.local )?slash-tmp storage tmp $' as_project "$project" sh -c 'ls -A ~ | tr "\n" " "'
	gives "and no container but its own" '^$' as_project "$project" podman ps --all --quiet
}

has_something() {
	[[ -n $(processes_of "$owner") && -n $(objects_of "$owner") ]] && as_account "$owner" ls /tmp/verify-left-5 /dev/shm/verify-left
}

# The uid of an account, and the first of its range.
# shellcheck disable=SC2016 # the shell inside
ids_of() { as_root sh -c 'echo "$(id -u "$1") $(sed -n "s/^$1:\([0-9]*\):.*/\1/p" /etc/subuid)"' sh "$1"; }

processes_of() {
	local uid first
	read -r uid first < <(ids_of "$1")
	as_root ps -e -o uid=,stat=,pid=,comm= | awk -v uid="$uid" -v first="$first" '$2 !~ /Z/ && ($1 == uid || ($1 >= first && $1 < first + 65536))'
}

files_of() {
	local uid first
	read -r uid first < <(ids_of "$1")
	as_root find /tmp /var/tmp /dev/shm /dev/mqueue /workspace -xdev -mindepth 1 -maxdepth 1 \( -uid "$uid" -o \( -uid +$((first - 1)) -uid -$((first + 65536)) \) \)
	as_account "$1" find "/home/$1/" "/run/user/$uid" /tmp /var/tmp /dev/shm /dev/mqueue -mindepth 1 ! -path "/home/$1/slash-tmp"
}

objects_of() {
	local uid first
	read -r uid first < <(ids_of "$1")
	{
		as_root tail -q -n +2 /proc/sysvipc/shm /proc/sysvipc/msg
		as_account "$1" tail -q -n +2 /proc/sysvipc/shm /proc/sysvipc/msg
	} |
		awk -v uid="$uid" -v first="$first" '{ for (i = 7; i <= 11; i++) if ($i == uid || ($i >= first && $i < first + 65536)) { print; next } }'
}

ends_for_want_of_work() {
	own_container "a workbench without work ends, and comes back" || return 0
	engine rm --force "$BUILDER" >/dev/null
	APPX_IDLE_MINUTES=0.1 start_it
	new_project verify-idle
	new_session
	must "a project works" turn "$project" "$session" "run: podman run -d --name verify-idle-app localhost/appx/base sleep infinity"
	local account
	account="$(account_of "$project")"
	soon "without work its workbench ends" 60 is_down "$account"
	gives "its app goes on" verify-idle-app as_project "$project" podman ps --format '{{.Names}}'
	must "and the next turn finds it again" turn "$project" "$session" "run: podman ps"
}

is_down() { [[ $(as_root s6-svstat -o up "/run/service/$1") == false ]]; }

by_the_setting() {
	own_container "APPX_PROJECT_UIDS=off gives new projects no account" || return 0
	engine rm --force "$BUILDER" >/dev/null
	APPX_PROJECT_UIDS=off start_it
	gives "with APPX_PROJECT_UIDS=off readyz says that projects share a uid" 'APPX_PROJECT_UIDS is off' api GET /v1/readyz
	new_project verify-shared
	gives "a new project belongs to the builder" '^builder$' account_of "$project"
	must "a project that has an account keeps it" turn "$other" "$other_session" "run: podman ps"
	engine rm --force "$BUILDER" >/dev/null
	start_it
}

main "$@"
