#!/bin/bash
# A podman with one container, whose log is the file "log" beside it, and whose shell is bash. "down" there: it has ended.
here="$(dirname "$0")"
case "$1 $2" in
"container exists") [ -e "$here/log" ] ;;
"container inspect")
	status=running
	if [ -e "$here/down" ]; then status=exited; fi
	printf '[{"Id": "one", "State": {"Status": "%s", "StartedAt": "then", "ExitCode": 3}}]\n' "$status"
	;;
"events --format") exec tail -n 1000 -f "$here/events" ;;
"logs --follow") exec tail -n 1000 -f "$here/log" ;;
"logs "*) tail -n "$3" "$here/log" ;;
"stats "*) cat "$here/stats" && [ ! -e "$here/fails" ] ;;
"exec "*)
	while [ "$1" != sh ]; do shift; done
	exec env WHERE=app "$@"
	;;
"version "*) echo 5.4.2 ;;
esac
