#!/usr/bin/env bash
# Containers inside the container: run, build, networks, and the way from the host to an app and back.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

main() {
	gives "an inner container runs" '^hello$' inner localhost/appx/base echo hello
	gives "it is root only of itself" '^ *0 +1000 +1$' inner localhost/appx/base head -n 1 /proc/self/uid_map
	builds
	networks
	reachable_from_the_host
	gives "a name without a registry is refused instead of guessed" 'short-name|did not resolve' said as_builder podman pull --quiet nginx
	verdict
}

builds() {
	local recipe="FROM localhost/appx/python
RUN python3 -I -c \"print('built inside')\" >/app/said
CMD cat /app/said"
	must "an image builds inside" build built "$recipe"
	gives "and runs" 'built inside' inner localhost/verify/built
	recipe="FROM localhost/appx/base AS first
RUN echo said >/said
FROM first
CMD cat /said"
	must "an image of two stages builds" build stages "$recipe"
	must "and again, without a change" build stages "$recipe"
	if reaches_an_index; then
		must "pip installs during a build inside" build piped "FROM localhost/appx/python
RUN pip install six"
	else
		skipped "pip installs during a build inside" "no package index can be reached from here"
	fi
}

# build NAME RECIPE
build() { feed_builder podman build --pull=never --label appx.verify=1 --tag "localhost/verify/$1" - <<<"$2"; }

reaches_an_index() { inner localhost/appx/python pip download --quiet --no-deps --dest /tmp --timeout 5 --retries 0 six; }

networks() {
	as_builder podman network create --label appx.verify=1 verify-net >/dev/null
	as_builder podman run --detach --pull=never --label appx.verify=1 --network verify-net --name verify-web localhost/appx/static >/dev/null
	soon "containers of one network find each other by name" 20 \
		inner --network verify-net localhost/appx/python python3 -I -c "import urllib.request; urllib.request.urlopen('http://verify-web:8080/')"
	as_builder podman rm --force --time 0 verify-web >/dev/null
	as_builder podman network rm verify-net >/dev/null
}

reachable_from_the_host() {
	local port
	port="$(free_port)"
	must "port $port of the host is closed before" not page "$port"
	feed_builder podman run --interactive --detach --pull=never --label appx.verify=1 --name verify-page --publish "$port:8080" localhost/appx/static >/dev/null </dev/null
	as_builder podman exec --user 0 verify-page sh -c 'echo a page of verify >/srv/www/index.html'
	soon "a web server on port $port inside is reached from the host" 20 page_has "$port" "a page of verify"
	as_builder podman rm --force --time 0 verify-page >/dev/null
	soon "its port is closed again when it is removed" 5 not page "$port"
}

main "$@"
