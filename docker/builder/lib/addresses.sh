# shellcheck shell=bash disable=SC2154 # the settings are run.sh's.
# Where a builder container is reached, and what is said of it at the end. Sourced by run.sh; needs common.sh and engine.sh.

# As the container has them, which may have been made with other settings than today's.
base_url() {
	local address
	address="$(published 4001)"
	case $address in
	0.0.0.0:* | '[::]:'*) address="127.0.0.1:${address##*:}" ;;
	esac
	printf 'http://%s' "$address"
}

app_addresses() {
	local ports
	# A line for each port and, with IPv6, two.
	ports="$("${engine[@]}" port "$name" | sed -nE '/^4001\//d; s/^([0-9]+)\/tcp -> (.*):[0-9]+$/\1 \2/p' | sort -n)"
	printf 'ports %s-%s on %s' "$(sed -n '1s/ .*//p' <<<"$ports")" "$(sed -n '$s/ .*//p' <<<"$ports")" "$(sed -n '1s/.* //p' <<<"$ports")"
}

# published PORT: the address on this host behind a port of the container.
published() { "${engine[@]}" port "$name" "$1/tcp" | head -n 1; }

login_url() {
	"${engine[@]}" exec "$name" as-appx appx login-url --base "$(base_url)"
}

where() {
	say "  API and UI  $(base_url)"
	say "  Apps        $(app_addresses)"
	say "  Data        $workspace, $storage"
	say "  Login       docker/builder/run.sh --login prints a new one-time URL"
}

welcome() {
	local url
	url="$(login_url)" || url="not to be had: docker/builder/run.sh --logs shows why"
	cat <<-TEXT

		The builder is up.
		  Log in      $url
		  API         $(base_url)/docs
		  Apps        $(app_addresses)
		  Data        $workspace, $storage

		Next: open the URL, or talk to it from here:
		  ${engine[*]} exec -it $name as-appx appx chat my-first-app
		Its token, for curl:
		  curl -H "Authorization: Bearer \$(${engine[*]} exec $name as-appx cat /workspace/.pi-global/token)" $(base_url)/v1/healthz
	TEXT
}
