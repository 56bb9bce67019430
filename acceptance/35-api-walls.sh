#!/usr/bin/env bash
# What the API does about guesses, foreign names and pages, slow clients and inner addresses, and what it writes down.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

main() {
	address="http://$(host_address 4001)"
	names_and_pages
	too_large_too_slow
	inner_addresses
	written_down
	guesses
	verdict
}

call() { curl --silent --show-error --noproxy '*' --fail-with-body --max-time $((30 * slow)) "$@"; }

names_and_pages() {
	refused "a name that is not the server's is refused, and the setting is named" 'APPX_HOSTS' \
		call --header 'Host: rebound.example' "$address/docs"
	gives "an address is taken as a name" '^200$' status_of --header 'Host: 192.0.2.7:4001' "$address/docs"
	refused "a page of another origin is refused, and the setting is named" 'APPX_CORS_ORIGINS' \
		call --request OPTIONS --header 'Origin: https://elsewhere.example' \
		--header 'Access-Control-Request-Method: POST' "$address/v1/projects"
	gives "an answer of the API may do nothing in a browser" "content-security-policy: default-src 'none'" headers_of /v1/projects
	gives "and is in no cache" 'cache-control: no-store' headers_of /v1/projects
	gives "the documentation runs scripts of its own files only" "script-src 'self'; style-src 'self'" headers_of /docs
}

headers_of() { curl --silent --noproxy '*' --max-time $((10 * slow)) --output /dev/null --dump-header - "$address$1"; }

too_large_too_slow() {
	gives "headers that are too large are refused" '^431$' status_of --header "X: $(printf '%040000d' 0)" "$address/docs"
	gives "an address that is too long is refused" '^414$' status_of "$address/$(printf '%020000d' 0)"
	gives "a request that never comes to an end is ended after 20 s" '^408 (19|2[0-9])$' never_ending
}

# The status of the answer to a head that stops in the middle, and after how many seconds it came.
never_ending() {
	local began=$SECONDS line host="${address#http://}"
	exec 7<>"/dev/tcp/${host%:*}/${host##*:}"
	printf 'GET /v1/healthz HTTP/1.1\r\nHost: localhost\r\nX: ' >&7
	IFS=' ' read -r -t 60 _ line _ <&7
	exec 7>&-
	printf '%s %s' "$line" $((SECONDS - began))
}

# A model of a provider that is added over the API: where the container itself is, its app ports, and a cloud's metadata.
inner_addresses() {
	local where
	new_project "Verify inner addresses"
	new_session
	for where in 127.0.0.1:4001 '[::ffff:127.0.0.1]:4001' 2130706433:4001 169.254.169.254 localhost:4001; do
		add_provider "http://$where/v1" >/dev/null
		gives "a provider at $where is not asked" 'APPX_PROVIDER_NETWORKS' asked
	done
	api DELETE /v1/custom/providers/verify-inner >/dev/null
}

add_provider() {
	api PUT /v1/custom/providers "{\"provider\": \"verify-inner\", \"baseUrl\": \"$1\", \"api\": \"openai-completions\",
		\"apiKey\": \"none\", \"models\": [{\"id\": \"m\"}]}"
	api PATCH "/v1/projects/$project/sessions/$session/settings" '{"provider": "verify-inner", "modelId": "m"}'
}

# What the turn says, which fails.
asked() { turn "$project" "$session" hello 2>&1 || true; }

written_down() {
	local id=$project
	api DELETE "/v1/projects/$id" >/dev/null
	gives "a change is in the audit log, with who and from where" "200  [0-9.:a-f]+  token  delete project  /v1/projects/$id" \
		as_appx appx audit --action 'delete project'
	gives "so is a login" '303 .* cookie [0-9a-f]{8}  log in' logged_in
	refused "an entry cannot be changed, also by the server's user" 'stays as it is' change_entry
	refused "the builder cannot read the audit log" 'Permission denied' as_builder cat /workspace/.pi-global/appx.db
}

logged_in() {
	local path
	path="$(api POST /v1/login-codes | field 'd["path"]')"
	status_of "$address$path" >/dev/null
	as_appx appx audit --action 'log in'
}

change_entry() {
	as_appx python3 -I -c 'import sqlite3; sqlite3.connect("/workspace/.pi-global/appx.db").execute("UPDATE audit SET who = 1")' 2>&1 |
		sed 's/^Traceback.*//'
}

# Last: this address has to wait afterwards.
guesses() {
	gives "who guesses has to wait" '429' guess_often
	refused "and is told for how long" 'Wait [0-9]+ s' call --header 'Authorization: Bearer wrong' "$address/v1/projects"
	gives "who has the token does not" '"projects"' api GET /v1/projects
	gives "the guesses are in the audit log" 'nobody  a wrong token \([0-9]+ times\)' as_appx appx audit --action 'a wrong token'
}

guess_often() {
	local each
	for each in $(seq 25); do
		status_of --header "Authorization: Bearer wrong-$each" "$address/v1/projects"
		echo
	done
}

main "$@"
