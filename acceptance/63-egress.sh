#!/usr/bin/env bash
# What leaves: the policies open, list and none, for commands, builds and apps, and that the agent cannot undo them.
# The internet is 203.0.113.10, a range of documentation: for the time of this file an address of this host.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

public=203.0.113.10
servers=

main() {
	own_container "what leaves is refused by the policy" || { verdict && return; }
	find_addresses
	if [[ $EUID == 0 ]] && command -v ip >/dev/null; then
		with_a_world
	else
		skipped "what is public is reached, by the policy" "this needs root and the command ip on this host"
		begin
	fi
	private_addresses
	the_rules_stay
	the_log
	ports
	verdict
}

with_a_world() {
	make_world
	begin
	under_open
	under_list
	under_none
	the_way_out_comes_back
}

begin() {
	new_project verify-egress
	account="$(as_root stat -c %U "/workspace/$project")"
	port="$(mine sh -c 'cat .pi/deployment.json' | field 'd["dev"]["port"]')"
	app
	reaches_the_app "an app's port is reached from the host"
}

# --- the world around -------------------------------------------------------------------------------------------------

make_world() {
	ip address replace "$public/32" dev lo
	trap 'finish; tidy' EXIT
	engine rm --force "$BUILDER" >/dev/null 2>&1 || true
	APPX_RUN_ARGS="${APPX_RUN_ARGS:-} --add-host allowed.appx.test:$public --add-host other.appx.test:$public --add-host private.appx.test:10.1.2.3" start_it
	find_addresses
	as_appx openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=appx.test \
		-keyout - -out - >"$RUN/public.pem" 2>/dev/null
	python3 "$here/outside/web.py" "$RUN/public.pem" "$public:80" "$public:443" "$gateway:18099" >/dev/null 2>&1 &
	servers=$!
}

# The engine gives others to each container.
find_addresses() {
	# shellcheck disable=SC2016 # awk's variables
	gateway="$(as_root awk '$2 == "00000000" { print $3; exit }' /proc/net/route)"
	gateway="$(printf '%d.%d.%d.%d' "0x${gateway:6:2}" "0x${gateway:4:2}" "0x${gateway:2:2}" "0x${gateway:0:2}")"
	# shellcheck disable=SC2016 # awk's variables
	own="$(as_root awk '/32 host LOCAL/ && last !~ /^127/ { print last; exit } { last = $2 }' /proc/net/fib_trie)"
}

finish() {
	if [[ -n $servers ]]; then kill "$servers" 2>/dev/null || true; fi
	ip address del "$public/32" dev lo 2>/dev/null || true
}

app() {
	mine podman run --detach --pull=never --label appx.verify=1 --name verify-app --publish "$port:8080" localhost/appx/static >/dev/null
}

reaches_the_app() { soon "$1" 10 page "$port"; }

mine() { as_project "$project" "$@"; }
app_run() { mine podman run --rm --pull=never --label appx.verify=1 "$@"; }

# --- who asks ---------------------------------------------------------------------------------------------------------

shell() { mine curl --silent --show-error --insecure --noproxy '*' --max-time $((8 * slow)) "$1"; }
server() { as_appx curl --silent --show-error --insecure --noproxy '*' --max-time $((8 * slow)) "$1"; }

ask='
import ssl, sys, urllib.request
context = ssl._create_unverified_context()
try:
    print(urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)).open(sys.argv[1], timeout=float(sys.argv[2])).read())
except OSError as error:
    sys.exit(str(error))'

app_asks() { app_run localhost/appx/python python3 -I -c "$ask" "$1" $((8 * slow)); }

in_a_network() {
	local code=0
	mine podman network create --label appx.verify=1 verify-egress >/dev/null
	app_run --network verify-egress localhost/appx/python python3 -I -c "$ask" "$1" $((8 * slow)) || code=$?
	mine podman network rm verify-egress >/dev/null
	return "$code"
}

build_asks() {
	feed_project "$project" podman build --no-cache --pull=never --label appx.verify=1 - 2>&1 <<-RECIPE
		FROM localhost/appx/python
		RUN echo $(base64 --wrap=0 <<<"$ask") | base64 --decode | python3 -I - "$1" $((8 * slow))
	RECIPE
}

policy() { api PUT "/v1/projects/$project/egress" "$1"; }

no='refused|reset|prohibited|unreachable|No route|Failed to connect|Could not connect|Host is unreachable|Permission denied|not permitted'
no_name='Could not resolve|Name or service not known|Name does not resolve|No address associated'

# --- the policies -----------------------------------------------------------------------------------------------------

under_open() {
	gives "the policy of a new project is open" '"policy": ?"open"' api GET "/v1/projects/$project/egress"
	soon "the public address answers the server" 10 server "http://$public/"
	gives "under open a command reaches a public address" 'a public page' shell "http://$public/"
	gives "and by name" 'a public page' shell "https://allowed.appx.test/"
	gives "and so does an app" 'a public page' app_asks "https://other.appx.test/"
	gives "and an app in a network of its own" 'a public page' in_a_network "http://$public/"
	gives "and a build" 'a public page' build_asks "http://$public/"
	reaches_the_app "under open an app's port is reached from the host"
}

private_addresses() {
	local each
	if server "http://$gateway:18099/" >/dev/null 2>&1; then
		refused "a command does not reach a server of the host" "$no" shell "http://$gateway:18099/"
		refused "an app does not reach it" "$no" app_asks "http://$gateway:18099/"
		refused "an app in a network does not reach it" "$no" in_a_network "http://$gateway:18099/"
		refused "a build does not reach it" "$no" build_asks "http://$gateway:18099/"
	else
		skipped "a server of the host is refused" "under this engine the gateway $gateway is not an address of the host"
	fi
	refused "a command does not reach a cloud's metadata" "$no" shell http://169.254.169.254/
	refused "an app does not reach a cloud's metadata" "$no" app_asks http://169.254.169.254/
	refused "a build does not reach a cloud's metadata" "$no" build_asks http://169.254.169.254/
	gives "the server reaches the API" '401|error' server "http://$own:4001/v1/projects"
	for each in 127.0.0.1 "$own" 10.255.255.1 10.255.255.2 '[::1]' "[::ffff:$own]" '[::ffff:10.255.255.1]'; do
		refused "a command does not reach the API by $each" "$no" shell "http://$each:4001/v1/projects"
	done
	for each in 127.0.0.1 "$own" 10.255.255.1 host.containers.internal; do
		refused "an app does not reach the API by $each" "$no" app_asks "http://$each:4001/v1/projects"
	done
	for each in '[fd00:ec2::254]' '[::ffff:169.254.169.254]' '[64:ff9b::a9fe:a9fe]' '[2002:a9fe:a9fe::1]'; do
		refused "a command does not reach the metadata by $each" "$no" shell "http://$each/"
	done
}

under_list() {
	must "the policy is changed by the API" policy '{"policy": "list", "hosts": ["allowed.appx.test"]}'
	gives "under list a command reaches a host of the list by HTTPS" 'a public page' shell "https://allowed.appx.test/"
	gives "and by HTTP" 'a public page' shell "http://allowed.appx.test/"
	gives "and so does an app" 'a public page' app_asks "https://allowed.appx.test/"
	gives "and a build" 'a public page' build_asks "http://allowed.appx.test/"
	refused "under list another name is not found" "$no_name" shell "https://other.appx.test/"
	refused "nor by an app" "$no_name" app_asks "https://other.appx.test/"
	refused "nor is an address reached" "$no" shell "http://$public/"
	refused "nor by an app that knows the address" "$no" app_asks "https://$public/"
	refused "another name is not reached by the way of the list" 'reset|SSL|TLS|eof|Empty reply|Failed' \
		mine curl --silent --show-error --insecure --max-time $((8 * slow)) --resolve other.appx.test:443:10.255.255.2 https://other.appx.test/
	refused "nor by HTTP with another Host" 'Empty reply|reset' \
		mine curl --silent --show-error --max-time $((8 * slow)) --header 'Host: other.appx.test' http://allowed.appx.test/
	refused "a list cannot lead to a private address" 'Empty reply|reset' private_by_name
	reaches_the_app "under list an app's port is reached from the host"
}

# By its name it is on the list.
private_by_name() {
	policy '{"policy": "list", "hosts": ["private.appx.test"]}' >/dev/null
	mine curl --silent --show-error --max-time $((8 * slow)) http://private.appx.test/
}

under_none() {
	must "the policy is changed to none" policy '{"policy": "none"}'
	refused "under none a command reaches no address" "$no" shell "http://$public/"
	refused "and no name" "$no_name" shell "https://allowed.appx.test/"
	refused "nor does an app" "$no|$no_name" app_asks "http://$public/"
	refused "nor a build" "$no|$no_name" build_asks "http://$public/"
	refused "nor the way of the list" "$no" shell "https://10.255.255.2/"
	reaches_the_app "under none an app's port is reached from the host"
	must "the policy goes back to that of the settings" policy '{}'
	gives "and a command reaches a public address again" 'a public page' shell "http://$public/"
}

# --- the agent cannot undo it -----------------------------------------------------------------------------------------

the_rules_stay() {
	local server holder=1 pasta not="Permission denied|Operation not permitted|No such (file|process)"
	server="$(as_root s6-svstat -o pid /run/service/server)"
	if [[ $account == builder ]]; then holder="$(as_root cat /run/network/builder.pid)"; fi
	pasta="$(as_root s6-svstat -o pid "/run/service/pasta-$account")"
	refused "a command cannot see the rules" "Operation not permitted" mine /usr/sbin/nft list ruleset
	refused "nor remove them" "Operation not permitted" mine /usr/sbin/nft flush ruleset
	refused "an app that has every capability and this network cannot" "Operation not permitted" \
		app_run --network host --cap-add ALL --volume /usr:/usr:ro localhost/appx/base /usr/sbin/nft flush ruleset
	refused "a command cannot enter the network of the server" "$not" mine nsenter --target "$server" --net true
	refused "nor that of pasta" "$not" mine nsenter --target "$pasta" --net true
	refused "nor become all in the namespace of the rules" "Permission denied|Operation not permitted" mine nsenter --target "$holder" --user --net true
	refused "a new namespace has no way out" "$no|Couldn't connect|Network is unreachable" \
		mine unshare --user --net --map-root-user curl --silent --show-error --max-time $((5 * slow)) "http://$public/"
	refused "it cannot trace pasta" "$not" probe mine reach trace "$pasta"
	refused "it cannot end the process that holds the rules" "Operation not permitted" mine kill -KILL "$holder"
	if [[ $account != builder ]]; then
		refused "it cannot end pasta" "No such process" mine kill -KILL "$pasta"
	fi
	refused "it cannot ask for other rules" "Permission denied" probe mine reach connect /run/rules/socket
	refused "it cannot write the policy" "Permission denied|Read-only" mine sh -c "echo open >/run/network/$account.policy"
	refused "nor read it" "Permission denied" mine cat "/run/network/$account.policy"
	refused "nor those of all" "Permission denied" mine cat /run/policies/egress.json
	refused "nor that of names" "Permission denied|Read-only" mine sh -c 'echo "{}" >/run/policies/egress.json'
}

the_way_out_comes_back() {
	must "pasta ends" as_root env AS_ACCOUNT=outside as-account "$account" kill -KILL "$(as_root s6-svstat -o pid "/run/service/pasta-$account")"
	soon "then the way out is made anew" 20 shell "http://$public/"
	refused "and the rules are the same" "$no" shell http://169.254.169.254/
	reaches_the_app "and the app's port is reached again"
}

the_log() {
	api GET "/v1/projects/$project/egress" >"$RUN/egress.json"
	gives "the API lists the addresses that were refused" '169\.254\.169\.254' cat "$RUN/egress.json"
	gives "with the port" '"port": ?4001' cat "$RUN/egress.json"
	if [[ -n $servers ]]; then gives "and the names" 'other\.appx\.test' cat "$RUN/egress.json"; fi
	gives "appx egress-policy shows them as well" 'refused +[0-9]+ .*169\.254\.169\.254' as_appx appx egress-policy "$project"
}

ports() {
	local first="$project" other
	if [[ $account == builder ]]; then
		skipped "a port is leased to one project" "projects have no account of their own here"
		return
	fi
	new_project verify-egress-other
	other="$(mine sh -c 'cat .pi/deployment.json' | field 'd["dev"]["port"]')"
	gives "another project gets another port" '^[0-9]+$' echo "$other"
	must "which is not that of the first" test "$other" != "$port"
	must "it may listen on the same number in its own network" \
		mine podman run --detach --pull=never --label appx.verify=1 --name verify-other --publish "$port:8080" localhost/appx/static
	mine podman exec --user 0 verify-other sh -c 'echo a page of the other >/srv/www/index.html'
	must "the host still reaches the first there" not page_has "$port" "a page of the other"
	must "the first is reached" page "$port"
	mine podman rm --force --time 0 verify-other >/dev/null
	project="$first"
}

main "$@"
