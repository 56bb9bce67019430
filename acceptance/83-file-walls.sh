#!/usr/bin/env bash
# What a model may write, others touch: links, pipes, archives, git's and podman's configuration, and whose rights these run with.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=keyed.sh
source "$here/keyed.sh"

state=/workspace/.pi-global

main() {
	own_container "links, archives and configuration of a project get nothing of others" || return 0
	start_with_keys
	provide "$here/plans/quiet.json"
	new_project verify-walls
	new_session
	of="/v1/projects/$project"
	home="/workspace/$project"
	stored="sk-canary-$(random_word)"
	must "a key is stored" api PUT /v1/auth/providers/anthropic/api-key "{\"key\": \"$stored\"}"
	# Else the sessions of the next files take its models.
	trap 'api DELETE /v1/auth/providers/anthropic >/dev/null || true; tidy' EXIT
	names
	links
	what_never_ends
	archives
	instructions_that_are_links
	programs_of_git
	configuration_of_podman
	verdict
}

# --- names in the workspace ---------------------------------------------------------------------------------------------

names() {
	if [[ $(as_builder cat /proc/sys/fs/protected_hardlinks) == 1 ]]; then
		refused "a project cannot hard link the server's database" "Operation not permitted|Permission denied" \
			as_project "$project" ln "$state/appx.db" "$home/database"
	else
		skipped "a project cannot hard link the server's database" "this kernel lets anybody (fs.protected_hardlinks)"
	fi
	refused "nor move it away" "Permission denied" as_project "$project" mv "$state/appx.db" "$home/database"
	refused "nor put another in its place" "Permission denied" as_project "$project" ln -sfn "$home/page.txt" "$state/credentials.json"
	refused "nor open the directory for all" "Operation not permitted" as_builder chmod 0777 "$state"
	as_builder ln -s "$state" /workspace/verify-trap
	local trapped
	trapped="$(api POST /v1/projects '{"name": "verify-trap"}' | field 'd["id"]')"
	made+=("$trapped")
	gives "a link in the place of a new project is not followed: it has a directory of its own" '^directory (p[0-9]+|builder)$' \
		as_root stat -c '%F %U' "/workspace/$trapped"
	as_builder sh -c "! test -L /workspace/verify-trap || rm /workspace/verify-trap"
	as_builder sh -c "umask 0; mkdir -p /tmp/verify-other/.pi-global"
	refused "a server whose directory is another user's does not start" "must be a directory of the server's own user" as_appx sh -c \
		'WORKSPACE_DIR=/tmp/verify-other AGENT_SERVER_PORT=4099 appx serve'
}

# --- links and pipes, by the files of the API ---------------------------------------------------------------------------

links() {
	as_project "$project" sh -c "cd $home && echo mine >page.txt && ln -s $state/AGENTS.md prompt && ln -s $state/credentials.json keys &&
		ln -s /proc/self/environ environment && ln -s /proc/self/root root && ln -s /proc/self/fd open && ln -s / all && mkfifo pipe"
	local each
	for each in prompt keys environment root/etc/passwd open/0 all/etc/passwd; do
		refused "a link of the project is not followed out of it: $each" "leads out of the project" api GET "$of/files?path=$each"
	done
	refused "and not written through" "leads out of the project" api PUT "$of/files?path=prompt" "evil"
	refused "nor is what is behind it removed" "leads out of the project" api DELETE "$of/files?path=all/workspace/.pi-global/token"
	refused "a pipe is no file, and nobody waits for it" "no regular file" api GET "$of/files?path=pipe"
	gives "the archive of the project has links as links" '^link$' archive_kind prompt
	as_project "$project" sh -c "cd $home && rm prompt keys environment root open all pipe"
}

archive_kind() {
	api GET "$of/download" >"$RUN/walls.zip"
	python3 -I -c 'import stat, sys, zipfile
print("link" if stat.S_ISLNK(zipfile.ZipFile(sys.argv[1]).getinfo(sys.argv[2]).external_attr >> 16) else "file")' "$RUN/walls.zip" "$1"
}

# --- files and directories without end ----------------------------------------------------------------------------------

what_never_ends() {
	as_project "$project" sh -c "cd $home && truncate -s 1T huge"
	gives "the last bytes of a file of 1 TB are read at once" '^206 8$' ranged "huge" "bytes=-8"
	gives "and it is listed" '1099511627776' api GET "$of/tree"
	# On a host with AppArmor fewer: there the name of one was too long. Its limit for a path is 8 KiB.
	as_project "$project" python3 -I -c 'import errno, os, sys
os.chdir(sys.argv[1])
for _ in range(5_000):
    try:
        os.mkdir("deep")
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG: break
        raise
    os.chdir("deep")' "$home"
	gives "of 5,000 directories in each other the first are listed" 'deep/deep' api GET "$of/tree?depth=20"
	must "and all are removed" api DELETE "$of/files?path=deep&recursive=true"
	gives "nothing of them stays" '^[0-9]+$' as_project "$project" sh -c "ls -A $home | grep -c . && ! ls -A $home | grep -qE 'deep|unfinished'"
	as_project "$project" rm -f "$home/huge"
	gives "the workbench never held more than 200 MiB" '^ok' peak_of_workbench
}

ranged() {
	curl --silent --noproxy '*' --max-time $((20 * slow)) --output "$RUN/part" --write-out '%{http_code} %{size_download}' --header "Range: $2" \
		--config <(printf 'header = "Authorization: Bearer %s"\n' "$(token)") "http://$(host_address 4001)$of/files?path=$1"
}

peak_of_workbench() {
	as_root sed -n 's/^VmHWM:[[:space:]]*//p' "/proc/$(workbench_of "$project")/status" |
		awk '{ print ($1 <= 200 * 1024 ? "ok" : "too much"), $0 }'
}

# --- archives -----------------------------------------------------------------------------------------------------------

archives() {
	made_archive "/tmp/verify-absolute" plain
	refused "an archive with an absolute name is refused" "leads out of the archive" api POST "$of/upload" "@$RUN/made.zip"
	made_archive "../verify-above" plain
	refused "and one that goes up" "leads out of the archive" api POST "$of/upload" "@$RUN/made.zip"
	made_archive "way-out" link
	gives "a link in an archive is left out" '"leftOutCount": ?1' api POST "$of/upload" "@$RUN/made.zip"
	must "and is not there" not as_project "$project" test -e "$home/way-out"
}

# made_archive NAME plain|link: one entry; a link leads to the server's directory.
made_archive() {
	python3 -I -c 'import sys, zipfile
name, kind, file = sys.argv[1:]
entry = zipfile.ZipInfo(name)
entry.create_system = 3
entry.external_attr = (0o120777 if kind == "link" else 0o100644) << 16
with zipfile.ZipFile(file, "w") as archive:
    archive.writestr(entry, "/workspace/.pi-global" if kind == "link" else "evil")' "$1" "$2" "$RUN/made.zip"
}

# --- what goes into prompts ---------------------------------------------------------------------------------------------

# Who reads these files is the builder, through the workbench: the server's rights would find the keys.
instructions_that_are_links() {
	as_project "$project" sh -c "cd $home && mkdir -p .pi/skills/keys .pi/prompts && ln -s $state/credentials.json .pi/AGENTS.md &&
		ln -s /proc/self/environ .pi/SYSTEM.md && ln -s $state/credentials.json .pi/APPEND_SYSTEM.md && ln -s $state/token AGENTS.md &&
		ln -s $state/credentials.json .pi/skills/keys/SKILL.md && ln -s $state /workspace/$project/.pi/skills/state"
	# In the workspace itself: a hard link where the kernel lets one be made, else a symbolic one.
	as_builder sh -c "ln $state/credentials.json /workspace/AGENTS.md 2>/dev/null || ln -s $state/credentials.json /workspace/AGENTS.md"
	must "a turn whose instructions are links to keys" turn "$project" "$session" "Hello"
	instructions >"$RUN/told"
	gives "the model is told that they cannot be read" 'leads out of the project' cat "$RUN/told"
	must "no key is among what it is told" without_keys "$RUN/told"
	must "nor in what the provider was sent" sent_without_keys
	as_project "$project" sh -c "rm -rf $home/.pi/AGENTS.md $home/.pi/*SYSTEM.md $home/AGENTS.md $home/.pi/skills"
	as_builder rm -f /workspace/AGENTS.md
}

sent_without_keys() {
	requests | grep -v '^$' | sed "s/$(secret LITELLM_API_KEY)/the key of the provider itself/" >"$RUN/sent"
	without_keys "$RUN/sent"
}

# The keys of this run and the one that was stored.
without_keys() {
	{ needles && echo "$stored"; } >"$RUN/needles"
	if grep -qF -f "$RUN/needles" "$1"; then return 1; fi
}

# --- programs that git runs -----------------------------------------------------------------------------------------------

programs_of_git() {
	local owner
	owner="$(as_project "$project" id -u)"
	feed_project "$project" sh -c "cd $home && cat >spy && chmod 755 spy" <<-'SPY'
		#!/bin/sh
		{ echo "uid $(id -u) $1"; env; cat "/proc/$PPID/environ"; cat "$(dirname "$0")/../.pi-global/credentials.json"; } >>/tmp/verify-spy 2>&1
		exec cat
	SPY
	as_project "$project" sh -c "rm -f /tmp/verify-spy; cd $home && mkdir -p .git/hooks && for hook in pre-commit post-commit reference-transaction post-index-change post-checkout; do
		cp spy .git/hooks/\$hook; done
		git config core.fsmonitor '$home/spy fsmonitor'; git config filter.spy.clean '$home/spy clean'; git config filter.spy.smudge '$home/spy smudge'
		git config core.sshCommand '$home/spy ssh'; git config gpg.program '$home/spy'; git config commit.gpgSign true
		git config diff.spy.textconv '$home/spy textconv'; git config diff.external '$home/spy'
		echo '*.txt filter=spy diff=spy' >.gitattributes; echo changed >page.txt"
	must "a checkpoint of a project whose git runs programs" api POST "$of/checkpoints" '{"message": "spied"}'
	must "its diff" api GET "$of/checkpoints/$(newest)/diff"
	must "going back to it" api POST "$of/checkpoints/$(newest)/restore"
	gives "they ran as the project's account" "uid $owner clean" as_project "$project" cat /tmp/verify-spy
	gives "and as nobody else" '^0$' as_project "$project" sh -c "grep -a '^uid ' /tmp/verify-spy | grep -vc '^uid $owner ' || true"
	as_project "$project" cat /tmp/verify-spy >"$RUN/spied"
	must "they found no key" without_keys "$RUN/spied"
	gives "hooks and programs that change a diff did not run" '^0$' as_project "$project" sh -c "grep -acE '^uid [0-9]+ (textconv|ssh|prepared|committed|[01])?$' /tmp/verify-spy || true"
	as_project "$project" sh -c "rm -f /tmp/verify-spy"
}

newest() { api GET "$of/checkpoints" | field 'd["checkpoints"][0]["id"]'; }

# --- the way to the server's uid that there was -----------------------------------------------------------------------------

# podman hands variables of its configuration to newuidmap. Were podman to make the namespace with the two capabilities,
# LD_PRELOAD would be code of the builder's that may become any uid. LD_DEBUG shows which programs got such variables:
# without a capability podman's newuidmap fails, and newgidmap is never begun.
configuration_of_podman() {
	as_builder sh -c 'mkdir -p ~/.config/containers /tmp/verify-ld &&
		printf "[engine]\nenv = [\"LD_DEBUG=files\", \"LD_DEBUG_OUTPUT=/tmp/verify-ld/of\", \"PODMAN_IGNORE_CGROUPSV1_WARNING=1\"]\n" >~/.config/containers/containers.conf'
	as_builder podman ps --quiet >/dev/null
	# shellcheck disable=SC2016 # the shell inside
	as_builder sh -c 'kill -KILL "$(cat "$XDG_RUNTIME_DIR/libpod/tmp/pause.pid")"'
	soon "podman's namespace is made again after its end" 60 as_builder podman ps --quiet
	gives "what the builder configured reached programs of podman" '[1-9]' as_builder sh -c 'ls /tmp/verify-ld | wc -l'
	gives "but none that has capabilities" '^0$' as_builder sh -c 'cat /tmp/verify-ld/of.* | grep -c "program: /usr/bin/newgidmap" || true'
	as_builder sh -c 'rm -rf ~/.config/containers/containers.conf /tmp/verify-ld'
	gives "an app still has its ids" '100000 +65536' inner localhost/appx/base cat /proc/self/uid_map
	must "and the namespace is held by a process without capabilities" probe as_root processes ambient
}

main "$@"
