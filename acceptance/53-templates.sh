#!/usr/bin/env bash
# Templates: a new project begins with one, its tests pass, it deploys, is healthy, and does not run as root.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

main() {
	listed
	whole static /health.txt "A new site"
	# podman then only names what it has built before, which takes another way.
	gives "static: it deploys again without a change" '"status": ?"done"' api POST "/v1/projects/$project/deployments" '{}'
	if has_python_index; then
		whole python /health Notebook
		keeps_notes
		whole fullstack /health Tasks runs_tests
		keeps_tasks
	else
		skipped "the templates python and fullstack are tested and deployed" "their packages need an index, and this builder reaches none"
	fi
	if has_node_index; then
		whole vite /health Counter
		counts
	else
		skipped "the template vite is tested and deployed" "its packages need an index, and this builder reaches none"
	fi
	once
	if own_container "a template of the operator's is one of them"; then of_the_operator; fi
	verdict
}

listed() {
	gives "the templates are listed" '"name": ?"python".*"name": ?"static"' api GET /v1/templates
	gives "appx templates lists them, too" 'static .*/health.txt' as_appx appx templates
	refused "an unknown template is refused, and those that there are are named" 'no template .nothing.*python, static' \
		api POST /v1/projects '{"name": "verify-nothing", "template": "nothing"}'
	refused "and nothing was made" 'project not found' api GET /v1/projects/verify-nothing
}

# whole TEMPLATE HEALTH WORDS [TESTS]: all that a template promises. Sets `project`.
whole() {
	local template="$1" health="$2" words="$3"
	project="verify-$template"
	made+=("$project")
	must "a project begins with the template $template" api POST /v1/projects "{\"name\": \"$project\", \"template\": \"$template\"}"
	gives "$template: its files are the project's own" "^$(account_of "$project")\$" as_project "$project" stat -c %U README.md
	gives "$template: they are the first checkpoint" "Begin with the template $template" api GET "/v1/projects/$project/checkpoints"
	must "$template: its own tests pass in a container" "${4:-builds_tests}"
	gives "$template: it deploys, and answers at its health path" '"status": ?"done"' \
		api POST "/v1/projects/$project/deployments" "{\"health\": \"$health\"}"
	must "$template: the host reaches its page" page_has "$(port)" "$words"
	gives "$template: and its health path" '^ok$' page "$(port)" "${health#/}"
	gives "$template: no process of it is root's" '^10001 $' uids
}

port() { as_project "$project" jq --raw-output .dev.port .pi/deployment.json; }

# Of all processes of the app, as it sees them itself.
# shellcheck disable=SC2016 # the shell inside
uids() {
	as_project "$project" sh -c 'for each in $(podman ps --quiet --filter "label=appx.environment"); do
		podman exec "$each" sh -c "stat --format %u /proc/[0-9]* 2>/dev/null"; done' | sort -u | tr '\n' ' '
}

builds_tests() {
	as_project "$project" podman build --pull=never --label "appx.project=$project" --tag "localhost/$project-tests" --target test .
}

runs_tests() { as_project "$project" sh run-tests; }

# What three services promise together: pages by one, data in another, and both environments apart.
keeps_tasks() {
	local at
	at="http://127.0.0.1:$(port)/api/tasks"
	gives "fullstack: the page reaches the API, and that the database" '"text": ?"kept by PostgreSQL"' \
		curl --silent --show-error --noproxy '*' --fail --max-time $((10 * slow)) --json '{"text": "kept by PostgreSQL"}' "$at"
	gives "fullstack: the services are listed with the app" '_db".*"state": ?"running"' api GET "/v1/projects/$project/apps"
	gives "fullstack: it deploys again" '"status": ?"done"' api POST "/v1/projects/$project/deployments" '{}'
	gives "fullstack: and the data are still there" 'kept by PostgreSQL' page "$(port)" api/tasks
	gives "fullstack: nothing that was set aside is left" '^3$' containers
	gives "fullstack: the database is published to nobody" '^$' as_project "$project" podman port "$project-app-dev_db"
	as_project "$project" sed -i 's/^CMD.*/CMD ["false"]/' api/Containerfile
	gives "fullstack: a service that ends fails the deploy" '"status": ?"failed"' api POST "/v1/projects/$project/deployments" '{}'
	gives "fullstack: and the old ones are back, with the data" 'kept by PostgreSQL' page "$(port)" api/tasks
	as_project "$project" sed -i 's/^  db:/&\n    network_mode: host/' compose.yaml
	gives "fullstack: what a service may not have is said" '"reason": ?"The service db says .network_mode.' \
		api POST "/v1/projects/$project/deployments" '{}'
	must "fullstack: PROD gets the very images" api POST "/v1/projects/$project/deployments" '{"environment": "prod"}'
	gives "fullstack: and has a database of its own" '^\[\]$' page "$(as_project "$project" jq --raw-output .prod.port .pi/deployment.json)" api/tasks
	must "fullstack: the server takes all of it away with the project" api DELETE "/v1/projects/$project"
}

containers() { as_project "$project" podman ps --all --quiet | wc -l | tr -d ' '; }

keeps_notes() {
	must "python: a note is taken" note "kept by SQLite"
	must "python: and shown" page_has "$(port)" "kept by SQLite"
	gives "python: it deploys again" '"status": ?"done"' api POST "/v1/projects/$project/deployments" '{}'
	must "python: and the note is still there" page_has "$(port)" "kept by SQLite"
}

note() {
	curl --silent --show-error --noproxy '*' --fail --max-time $((10 * slow)) --output /dev/null \
		--data-urlencode "text=$1" "http://$(host_address "$(port)")/notes"
}

counts() {
	local count
	count="http://$(host_address "$(port)")/api/count"
	gives "vite: its API counts" '^\{"count":1\}$' curl --silent --show-error --noproxy '*' --fail --max-time $((10 * slow)) --request POST "$count"
	must "vite: and keeps the number through a restart" api POST "/v1/projects/$project/apps/dev/restart"
	gives "vite: which it says" '^\{"count":1\}$' page "$(port)" api/count
}

# Asked as builds ask: from an inner container.
has_python_index() { inner localhost/appx/python pip download --quiet --no-deps --dest /tmp/x idna >/dev/null 2>&1; }

has_node_index() { inner localhost/appx/node npm view react version >/dev/null 2>&1; }

once() {
	project=verify-static
	as_project "$project" sh -c 'echo mine >site/health.txt'
	must "the same request again succeeds" api POST /v1/projects '{"name": "verify-static", "template": "static"}'
	gives "and writes nothing" '^mine$' as_project "$project" cat site/health.txt
	made+=(verify-new)
	gives "appx new begins with a template" '^verify-new: /workspace/verify-new$' as_appx appx new verify-new --template static
	refused "and says so when the project is there" 'is there already' as_appx appx new verify-new --template static
}

of_the_operator() {
	mkdir -p "$RUN/templates/shop/files"
	echo '{"description": "A shop."}' >"$RUN/templates/shop/template.json"
	echo 'a shop' >"$RUN/templates/shop/files/shop.txt"
	chmod -R o+rX "$RUN/templates"
	engine rm --force "$BUILDER" >/dev/null
	APPX_TEMPLATE_DIR="$RUN/templates" start_it
	gives "a template of the operator's is one of them" '"name": ?"shop"' api GET /v1/templates
	made+=(verify-shop)
	must "and a project begins with it" api POST /v1/projects '{"name": "verify-shop", "template": "shop"}'
	gives "with its files" '^a shop$' as_project verify-shop cat shop.txt
	engine rm --force "$BUILDER" >/dev/null
	start_it
}

main "$@"
