#!/usr/bin/env bash
# What an agent did to files can be looked at, taken out, put in and undone, though the server may not write there.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

main() {
	new_project verify-files
	new_session
	of="/v1/projects/$project"
	checkpoints
	files
	usage
	verdict
}

checkpoints() {
	must "a turn writes a file" turn "$project" "$session" "run: printf 'one\n' >page.txt"
	soon "it ends with a checkpoint" 10 has_checkpoints 1
	first="$(newest)"
	must "a second turn changes it, and leaves what nobody may read" turn "$project" "$session" \
		"run: printf 'two\n' >page.txt; touch closed; mkdir closed.d; touch closed.d/x; chmod 0 closed closed.d; ln -s nowhere loose"
	soon "that is one more" 10 has_checkpoints 2
	gives "whose diff says what it did" '"path": ?"page.txt", ?"added": ?1, ?"removed": ?1' api GET "$of/checkpoints/$(newest)/diff"
	must "the person goes back" api POST "$of/checkpoints/$first/restore"
	gives "the file is as it was, and still of the project's account" "^one $(account_of "$project")\$" \
		as_project "$project" sh -c "echo \$(cat page.txt) \$(stat -c %U page.txt)"
	gives "no branch of the project was touched" '^refs/appx/checkpoints$' \
		as_project "$project" git for-each-ref --format '%(refname)'
	refused "what is no checkpoint is not gone back to" "checkpoint not found" api POST "$of/checkpoints/${first//[0-9]/0}/restore"
	must "a session goes on from there" api POST "$of/sessions/$session/fork" "{\"checkpoint\": \"$first\"}"
}

has_checkpoints() { (($(api GET "$of/checkpoints" | field 'len(d["checkpoints"])') == $1)); }
newest() { api GET "$of/checkpoints" | field 'd["checkpoints"][0]["id"]'; }

files() {
	must "a file is written over the API" api PUT "$of/files?path=docs/new.html" "<script>alert(1)</script>"
	gives "by the project's account, not by the server" "^$(account_of "$project")\$" as_project "$project" stat -c %U docs/new.html
	gives "it can be read again" 'alert' api GET "$of/files?path=docs/new.html"
	gives "but no browser runs it beside the API" 'attachment' headers "$of/files?path=docs/new.html"
	gives "the tree has it" '"path": ?"docs/new.html"' api GET "$of/tree?depth=2"
	gives "it is found by what is in it" '"path": ?"docs/new.html"' api GET "$of/search?q=alert"
	must "the project leaves as an archive" archive
	must "and comes in again" unpack
	gives "with what was in it" 'alert' as_project "$project" cat copy/docs/new.html
	as_project "$project" ln -s /workspace/.pi-global way-out
	refused "the server's own files are not reached through a link" "leads out" api GET "$of/files?path=way-out/AGENTS.md"
	refused "nor by going up" "leads out" api PUT "$of/files?path=../.pi-global/AGENTS.md" "evil"
}

headers() {
	curl --silent --show-error --noproxy '*' --max-time $((60 * slow)) --output /dev/null --dump-header - \
		--config <(printf 'header = "Authorization: Bearer %s"\n' "$(token)") "http://$(host_address 4001)$1"
}
archive() { api GET "$of/download" >"$RUN/project.zip" && python3 -I -m zipfile --test "$RUN/project.zip"; }
unpack() { api POST "$of/upload?path=copy" "@$RUN/project.zip"; }

usage() {
	gives "what the replies took is told" '"replies": ?[1-9]' api GET "/v1/usage?project=$project"
}

main "$@"
