#!/usr/bin/env bash
# A backup of a running builder, and the way back: all of it or nothing, and no key unless it is asked for.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

archive="$RUN/backup.tar.gz"
key="sk-canary-$RANDOM$RANDOM$RANDOM"

main() {
	own_container "a workspace is backed up while the server runs, and restored" || return 0
	make_something
	backs_up
	refuses_what_would_harm
	comes_back
	moves_what_an_agent_keeps
	verdict
}

make_something() {
	new_project verify-backup
	new_session
	must "there is a session with a turn" turn "$project" "$session" "run: echo kept >kept.txt; chmod 600 kept.txt"
	must "and a stored key" api PUT /v1/auth/providers/anthropic/api-key "{\"key\": \"$key\"}"
	project_before="$(api GET "/v1/projects/$project")"
	session_before="$(api GET "/v1/projects/$project/sessions/$session")"
}

backs_up() {
	gives "appx backup writes an archive while the server runs" "[0-9]+ projects" said back_up "$archive"
	must "the server went on" is_ready
	must "a backup has no key" not archive_has_key "$archive"
	must "--with-credentials takes the keys along" back_up "$RUN/with-keys.tar.gz" --with-credentials
	must "then they are in it" archive_has_key "$RUN/with-keys.tar.gz"
}

back_up() { as_appx appx backup "${@:2}" - >"$1"; }

# To its end: grep -q would leave early, and gzip would fail for it.
archive_has_key() { gzip --decompress --stdout <"$1" | grep -caF "$key" >/dev/null; }

refuses_what_would_harm() {
	refused "a restore beside a running server is refused" "Stop it first" restore "$archive"
	head -c 3000 "$archive" >"$RUN/cut.tar.gz"
	refused "a backup that was cut off is refused" "damaged or was cut off" restore "$RUN/cut.tar.gz" --stop --force
	soon "and the server is back" 30 is_ready
	gives "with everything as it was" "^equal$" compare "$project_before" "/v1/projects/$project"
}

restore() { feed_appx appx restore "${@:2}" - <"$1"; }

comes_back() {
	must "the project is deleted" api DELETE "/v1/projects/$project"
	takes_its_name "$project"
	must "the backup is restored" restore "$archive" --stop --force
	soon "the server is ready again" 30 is_ready
	gives "the project is the same" "^equal$" compare "$project_before" "/v1/projects/$project"
	gives "the session is the same" "^equal$" compare "$session_before" "/v1/projects/$project/sessions/$session"
	gives "its files are there, and the own ones of its account" "^kept $(account_of "$project") 600\$" \
		as_project "$project" sh -c "echo \$(cat kept.txt) \$(stat -c '%U %a' kept.txt)"
	gives "a key that is there stays when the backup has none" '"provider": ?"anthropic",[^}]*"configured": ?true' api GET /v1/auth/providers
	must "without it the demo is the model again" api DELETE /v1/auth/providers/anthropic
	must "a turn can be done" turn "$project" "$session" "say: still here"
	gives "what another project's agent had made by its name is kept beside it" "^/workspace/$project\.[0-9a-f]+\$" \
		as_root sh -c "echo /workspace/$project.*"
}

# takes_its_name PROJECT: whoever has that name in the sticky directory alone can give it back.
takes_its_name() {
	local project
	new_project verify-stranger
	must "another project's agent takes its name" as_project "$project" mkdir "/workspace/$1"
}

# The directory of a project without the rights by which its account could move it.
moves_what_an_agent_keeps() {
	must "a project's agent gives its directory to an id of its containers, closed" \
		as_project "$project" podman unshare sh -c "chmod 0555 /workspace/$project && chown 5:5 /workspace/$project"
	must "the backup is restored over it" restore "$archive" --stop --force
	soon "the server is ready again" 30 is_ready
	gives "the project has its files" "^kept\$" as_project "$project" cat kept.txt
}

main "$@"
