#!/usr/bin/env bash
# A project that fills the disk of the workspace stops what needs room, says so, and harms neither database nor files.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

disk="$RUN/disk"

main() {
	own_container "a full disk harms nothing" || return 0
	if ! small_workspace; then
		skipped "a full disk harms nothing" "this user cannot mount a small file system for it"
		return
	fi
	trap 'tidy; give_back' EXIT
	APPX_WORKSPACE="$disk" start_it
	new_project verify-other
	other="$project"
	new_session
	must "a turn while there is room" turn "$other" "$session" "say: before"
	new_project verify-greedy
	greedy="$project"
	# Small files take the last blocks, too.
	refused "a project fills the disk" "No space left on device" as_project "$greedy" sh -c "cd /workspace/$greedy && mkdir pads &&
		! cat /dev/zero >all 2>/dev/null && for each in \$(seq 20000); do cp /etc/passwd pads/\$each || exit 1; done"
	full
	as_project "$greedy" rm -r "/workspace/$greedy/all" "/workspace/$greedy/pads"
	room
	verdict
}

small_workspace() {
	[[ $KIND == docker && $(id -u) == 0 ]] || return 1
	mkdir -p "$disk"
	chmod 0755 "$RUN"
	fallocate -l 200M "$disk.img" && mkfs.ext4 -q "$disk.img" && mount -o loop "$disk.img" "$disk" 2>/dev/null || return 1
	chmod 1777 "$disk"
	engine rm --force "$BUILDER" >/dev/null 2>&1 || true
}

# The container of the other files comes back when the next one starts it.
give_back() {
	engine rm --force "$BUILDER" >/dev/null 2>&1 || true
	umount "$disk"
	start_it || true
}

full() {
	head -c 1000000 /dev/zero >"$RUN/big"
	gives "the server answers on" '"verify-greedy"' api GET /v1/projects
	gives "what was said before is there" 'before' api GET "/v1/projects/$other/sessions/$session"
	refused "a file that finds no room is refused, and the person is told why" "(disk|appx.db) is full" \
		api PUT "/v1/projects/$other/files?path=big" "@$RUN/big"
	must "and nothing of it is there" as_project "$other" sh -c "! ls -A /workspace/$other | grep -E 'big|unfinished'"
	refused "nor is a project made" "(disk|appx.db) is full" api POST /v1/projects '{"name": "verify-third"}'
}

room() {
	soon "with room again a turn is carried out" 60 turn "$other" "$session" "say: after"
	gives "the session has both" 'before.*after' api GET "/v1/projects/$other/sessions/$session"
	gives "the database is sound" '^ok$' as_appx /opt/appx/bin/python -I -c \
		'import sqlite3; print(sqlite3.connect("/workspace/.pi-global/appx.db").execute("PRAGMA integrity_check").fetchone()[0])'
	must "files are written" api PUT "/v1/projects/$other/files?path=big" "now"
	must "and projects removed" api DELETE "/v1/projects/$greedy"
}

main "$@"
