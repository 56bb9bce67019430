#!/usr/bin/env bash
# A look into apps and workbenches: their logs as they are written, what they take, and shells; all end with who looks.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

log="$RUN/followed" reader=

main() {
	new_project verify-shells
	deploy_one
	follows
	floods
	takes
	shell_of_the_project
	shell_of_the_app
	who_may
	they_end
	verdict
}

put() { feed_project "$project" sh -c "cat >$1"; }
place() { printf '/v1/projects/%s%s' "$project" "${1:-}"; }

deploy_one() {
	put Containerfile <<'END'
FROM localhost/appx/python
COPY --chmod=0644 app.py /app.py
CMD ["python3", "-u", "/app.py"]
END
	put app.py <<'END'
import http.server, os, sys, threading

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"here")
        if self.path.startswith("/say/"):
            print(self.path[5:])
        if self.path == "/flood":
            threading.Thread(target=flood).start()

    def log_message(self, *_):
        pass

def flood():
    while True:
        os.write(1, b"a line of the flood that nobody can read\n" * 500)

print("it begins")
print("to the other stream", file=sys.stderr)
http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Page).serve_forever()
END
	gives "an app that writes is deployed" '"status": ?"done"' api POST "$(place /deployments)" '{}'
}

port() { as_project "$project" jq --raw-output .dev.port .pi/deployment.json; }
say() { page "$(port)" "$1"; }

follow() {
	: >"$log"
	curl --silent --no-buffer --noproxy '*' --max-time $((300 * slow)) \
		--config <(printf 'header = "Authorization: Bearer %s"\n' "$(token)") \
		"http://$(host_address 4001)$(place /apps/dev/logs)?follow=true" >"$log" &
	reader=$!
}

leave() {
	kill "$reader" 2>/dev/null || true
	wait "$reader" 2>/dev/null || true
}

saw() { grep -qaE "$1" "$log"; }
followers() { as_root sh -c 'ps -eo args | grep -c "^/usr/bin/podman logs --follow"'; }
nobody_follows() { [[ $(followers) == 0 ]]; }

follows() {
	follow
	soon "the log of an app is followed from what it wrote before" 20 saw '"stream": ?"stdout", ?"text": ?"it begins"'
	must "each line with its stream" saw '"stream": ?"stderr", ?"text": ?"to the other stream"'
	must "and its time" saw '"time": ?"20[0-9-]+T[0-9:.]+Z"'
	must "it writes something" say say/hello-reader
	soon "and that is seen at once" 5 saw '"text": ?"hello-reader"'
	must "it is restarted" api POST "$(place /apps/dev/restart)"
	soon "the reader is told that it ended" 20 saw '"app": ?"ended"'
	soon "and that it was started" 20 saw '"app": ?"started"'
	must "the new container writes something" say say/after-the-restart
	soon "and the reader sees it" 20 saw '"text": ?"after-the-restart"'
	leave
	gives "appx app logs --follow shows it, too" 'after-the-restart' ends_at_as_appx 'after-the-restart' appx app logs "$project" --follow
	soon "when the reader leaves, nothing follows for it any more" 20 nobody_follows
}

floods() {
	follow
	soon "a reader is there" 20 saw 'it begins'
	must "the app floods its log" say flood
	soon "the reader is told what it was spared" 60 saw '"leftOut": ?\{"after": ?"20'
	gives "the API answers meanwhile" '^200$' status_of --max-time $((3 * slow)) \
		--config <(printf 'header = "Authorization: Bearer %s"\n' "$(token)") "http://$(host_address 4001)/v1/healthz"
	must "and what it was shown is what somebody can read" small "$log"
	leave
	soon "and it ends with its reader" 20 nobody_follows
	must "the app is restarted" api POST "$(place /apps/dev/restart)"
}

# Less than 1 MiB in a second: it was there for at most some 90.
small() { (($(stat -c %s "$1") < (90 << 20) * slow)); }

takes() {
	if as_root test -e /sys/fs/cgroup/cgroup.controllers; then
		gives "what it takes is told" '"memory": ?\{"used": ?[1-9].*"processes": ?[1-9]' api GET "$(place /apps/dev/stats)"
	else
		gives "without cgroup v2 it is told that nothing is known, and no zeros" '^\{"running": ?true, ?"note": ?"podman cannot tell[^0]*$' \
			api GET "$(place /apps/dev/stats)"
	fi
}

# shell LINE [OPTION...]: types it into a shell of the project, and prints what that shows.
shell() {
	local line="$1"
	shift
	printf '%s\n' "$line" | feed_appx appx shell "$project" "$@"
}

# shellcheck disable=SC2016 # the shell inside
shell_of_the_project() {
	gives "a shell is opened in the project's directory" "in /workspace/$project as $(account_of "$project")" \
		shell 'echo in $PWD as $(id -un); exit'
	gives "it has a terminal" '/dev/pts/[0-9]+' shell 'tty; exit'
	gives "and the agent's wrapper: last for the processor" 'nice 19' shell 'echo nice $(nice); exit'
	gives "and nothing of the server's environment" 'tokens 0' shell 'echo tokens $(env | grep -ciE "token|api_key"); exit'
	refused "its exit code is that of the command" 'leaving' shell 'echo leav""ing; exit 3'
}

# shellcheck disable=SC2016 # the shell inside
shell_of_the_app() {
	gives "a shell is opened in the app" 'in the app: dev' shell 'echo in the app: $APPX_ENVIRONMENT; exit' --env dev
	gives "with a terminal of its own" '/dev/pts/[0-9]+' shell 'tty; exit' --env dev
	refused "in an environment without an app there is none" 'has no app' shell exit --env prod
}

# handshake CURL-ARGUMENTS...: prints the answer to who asks for a shell.
handshake() {
	curl --silent --noproxy '*' --http1.1 --max-time $((5 * slow)) --header 'Connection: Upgrade' --header 'Upgrade: websocket' \
		--header 'Sec-WebSocket-Version: 13' --header 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' --fail-with-body \
		"$@" "http://$(host_address 4001)$(place /shell)"
}

who_may() {
	local cookies="$RUN/shell-cookies"
	refused "a shell is not opened without the token" 'Authorization: Bearer TOKEN' handshake
	refused "nor with a wrong one" 'Authorization: Bearer TOKEN' handshake --header 'Authorization: Bearer wrong'
	status_of --cookie-jar "$cookies" "http://$(host_address 4001)$(api POST /v1/login-codes | field 'd["path"]')" >/dev/null
	refused "a page from elsewhere opens none with the cookie" "appx's own pages" \
		handshake --cookie "$cookies" --header 'Origin: http://elsewhere.example'
	refused "nor does an app's page, on another port of this host" "appx's own pages" \
		handshake --cookie "$cookies" --header "Origin: http://127.0.0.1:3000"
	refused "nor a name that is made to lead here" 'not known as' \
		handshake --cookie "$cookies" --header 'Host: elsewhere.example' --header 'Origin: http://elsewhere.example'
	gives "shells are in the audit log" '"action": ?"open project shell"' api GET '/v1/audit?action=open'
}

# stay OPTION...: somebody who types something long, and stays; $reader is the process.
stay() {
	echo 'sleep 4321 & exec sleep 4321' >&7
	feed_appx appx shell "$project" "$@" <"$RUN/typed" >"$log" 2>&1 7>&- &
	reader=$!
}

sleepers() { as_root sh -c 'ps -eo args | grep -c "^sleep 4321"'; }
asleep() { [[ $(sleepers) == "$1" ]]; }
leave_shell() { as_appx pkill -f '^/.*python.* /.*appx shell' || true; }

they_end() {
	mkfifo "$RUN/typed"
	exec 7<>"$RUN/typed"
	stay
	soon "somebody is at a shell of the project" 20 asleep 2
	leave_shell
	soon "when the connection ends, so does what was started there" 20 asleep 0
	stay --env dev
	soon "somebody is at a shell of the app" 20 asleep 2
	leave_shell
	soon "also in the app nothing goes on without its shell" 20 asleep 0
	stay
	soon "somebody is at a shell when the project is deleted" 20 asleep 2
	must "deleting it succeeds" api DELETE "$(place)"
	soon "and ends the shell" 20 asleep 0
	soon "which says so" 20 saw 'The shell was ended'
	leave
}

main "$@"
