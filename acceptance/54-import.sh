#!/usr/bin/env bash
# Projects come in from git repositories and archives, by the project's account and its policy, and go out as bundles.
# The internet is 203.0.113.11, a range of documentation: for the time of this file an address of this host.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

public=203.0.113.11
port=18098
servers=

main() {
	addresses
	archives
	trap 'finish; tidy' EXIT
	serve_a_repository
	inside
	if [[ $EUID == 0 ]] && command -v ip >/dev/null; then
		from_outside
	else
		skipped "a repository comes in from a public address" "this needs root and the command ip on this host"
	fi
	verdict
}

import() { api POST /v1/projects "{\"name\": \"$1\", \"import\": {\"git\": \"$2\"}}"; }

addresses() {
	local wanted='no address of a repository'
	refused "a program in place of an address is refused" "$wanted" import verify-none "ext::sh -c id"
	refused "a file of the builder is" "$wanted" import verify-none file:///workspace/.pi-global
	refused "a path is" "$wanted" import verify-none /workspace/.pi-global
	refused "SSH is, with an option in place of a host" "$wanted" import verify-none "ssh://-oProxyCommand=id/x"
	refused "an address with a password is, because it would be kept" "$wanted" import verify-none "https://me:secret@example.com/x"
	refused "none of them made a project" 'project not found' api GET /v1/projects/verify-none
}

# --- in and out -------------------------------------------------------------------------------------------------------

archives() {
	new_project verify-out
	as_project "$project" sh -c 'echo hello >page.txt'
	must "a project goes out as a git bundle" bundle_of "$project"
	gives "git clones it, with the files as they are" '^hello$' cloned
	must "and as an archive" api_file "/v1/projects/$project/download"
	new_project verify-in
	must "an archive comes in without the directory that all of it is in" wrapped
	gives "as the project's own" "^$(account_of "$project") hello\$" as_project "$project" sh -c "stat -c %U page.txt | tr '\n' ' '; cat page.txt"
}

api_file() { api GET "$1" >"$RUN/out.zip" && python3 -I -m zipfile --extract "$RUN/out.zip" "$RUN/out/top"; }
wrapped() { (cd "$RUN/out" && python3 -I -m zipfile --create "$RUN/in.zip" top) && api POST "/v1/projects/$project/upload?unwrap=true" "@$RUN/in.zip"; }
# Outside of a repository git verifies no bundle; the clone does.
bundle_of() { api GET "/v1/projects/$1/bundle" >"$RUN/$1.bundle" && git bundle list-heads "$RUN/$1.bundle" | grep HEAD; }
cloned() { git -c init.defaultBranch=main clone --quiet "$RUN/verify-out.bundle" "$RUN/clone" && cat "$RUN/clone/page.txt"; }

# --- by git -----------------------------------------------------------------------------------------------------------

serve_a_repository() {
	local there="$RUN/there"
	git init --quiet "$there"
	echo 'from elsewhere' >"$there/README.md"
	ln -s /workspace/.pi-global "$there/way-out"
	git -C "$there" add --all
	git -C "$there" -c user.name=t -c user.email=t@t.invalid commit --quiet --message first
	if [[ $EUID == 0 ]] && command -v ip >/dev/null; then ip address replace "$public/32" dev lo; fi
	# shellcheck disable=SC2016 # awk's variables
	gateway="$(as_root awk '$2 == "00000000" { print $3; exit }' /proc/net/route)"
	gateway="$(printf '%d.%d.%d.%d' "0x${gateway:6:2}" "0x${gateway:4:2}" "0x${gateway:2:2}" "0x${gateway:0:2}")"
	python3 "$here/outside/git.py" "$there" "$public:$port" "$gateway:$port" >/dev/null 2>&1 &
	servers=$!
}

finish() {
	if [[ -n $servers ]]; then kill "$servers" 2>/dev/null || true; fi
	if [[ $EUID == 0 ]] && command -v ip >/dev/null; then ip address del "$public/32" dev lo 2>/dev/null || true; fi
}

# The host, as the container sees it: the server would reach it, so it is the project's policy that refuses.
inside() {
	if ! within 5 reached_by_the_server "$gateway"; then
		skipped "an address inside is not fetched" "this engine's gateway does not lead to this host"
		return
	fi
	refused "an address inside is not fetched, though the server would reach it" "Connection refused|Failed to connect|Couldn.t connect" \
		import verify-inside "http://$gateway:$port/there.git"
	refused "and leaves no project" 'project not found' api GET /v1/projects/verify-inside
	must "nor a directory" as_root test ! -e /workspace/verify-inside
}

reached_by_the_server() {
	as_appx curl --silent --fail --noproxy '*' --max-time $((8 * slow)) --output /dev/null \
		"http://$1:$port/there.git/info/refs?service=git-upload-pack"
}

from_outside() {
	if ! within 5 reached_by_the_server "$public"; then
		skipped "a repository comes in from a public address" "the container does not reach $public on this host"
		return
	fi
	made+=(verify-import)
	must "a repository comes in from a public address" import verify-import "http://$public:$port/there.git"
	gives "with its files, the project's own" "^$(account_of verify-import) from elsewhere\$" \
		as_project verify-import sh -c "stat -c %U README.md | tr '\n' ' '; cat README.md"
	gives "and its history" '^first$' as_project verify-import git log --format=%s
	gives "its files are the first checkpoint" 'Begin with http' api GET /v1/projects/verify-import/checkpoints
	refused "a link of it leads nowhere for the server" 'leads out' api GET "/v1/projects/verify-import/files?path=way-out/AGENTS.md"
	must "the same request again succeeds" import verify-import "http://$public:$port/there.git"
	refused "what is not there is refused with git's words" 'git could not fetch.*not found' import verify-gone "http://$public:$port/gone.git"
	refused "and is no project" 'project not found' api GET /v1/projects/verify-gone
	if own_container "nothing comes in where new projects may reach nothing"; then under_none; fi
}

under_none() {
	engine rm --force "$BUILDER" >/dev/null
	APPX_EGRESS=none start_it
	refused "nothing comes in where new projects may reach nothing" "git could not fetch" import verify-closed "http://$public:$port/there.git"
	refused "and no project is left" 'project not found' api GET /v1/projects/verify-closed
	engine rm --force "$BUILDER" >/dev/null
	start_it
}

main "$@"
