#!/usr/bin/env bash
# Base images and packages: a project holds what it names, whole also after a kill; what a build fetched, the next one has.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

main() {
	new_project verify-images
	only_what_is_named
	whole_after_a_kill
	packages_are_fetched_once
	without_an_index
	of_this_project_alone
	not_too_much
	verdict
}

mine() { as_project "$project" "$@"; }

# write FILE: standard input becomes a file of what is built.
write() { feed_project "$project" sh -c "mkdir -p build && cat >build/$1"; }

build() { mine podman build --pull=never --network host --label "appx.project=$project" --tag "localhost/$project:$1" build; }

# The store as it is: /usr/bin/podman loads nothing.
held() { mine /usr/bin/podman images --format '{{.Repository}}' --filter 'reference=localhost/appx/*' | sort -u | sed 's|.*/||' | tr '\n' ' '; }

# --- base images ------------------------------------------------------------------------------------------------------

# Where projects share builder, others may have named more.
only_what_is_named() {
	write Containerfile <<<$'FROM localhost/appx/static\nRUN true'
	must "a build finds the base image that its file names" build static
	if [[ $(account_of "$project") == builder ]]; then
		skipped "a project holds only the base images that it names" "all projects share one store here"
	else
		gives "a project holds only the base images that it names" '^base static $' held
	fi
	write Containerfile <<<$'ARG OF=node\nFROM localhost/appx/$OF AS one\nFROM localhost/appx/base\nCOPY --from=one /usr/bin/node /node'
	must "also a build whose file names it by a variable" build variable
	gives "podman images lists all of them" 'base.*node.*python.*static' listed
}

listed() { mine podman images --format '{{.Repository}}' | sort -u | tr '\n' ' '; }

# At the beginning, and in the middle.
whole_after_a_kill() {
	local after killed
	for after in 0.2 0.6; do
		forget_python
		killed_while_loading "$after"
	done
	killed="$(content)"
	forget_python
	gives "an image whose loading was killed is loaded anew, and as whole as any" "(^|\n)${killed##*$'\n'}\$" content
}

# shellcheck disable=SC2016 # the shell inside
forget_python() { mine sh -c '/usr/bin/podman rmi --force $(/usr/bin/podman images --quiet localhost/appx/python)' >/dev/null 2>&1 || true; }

# One number for the content of all files of the image.
content() {
	mine podman run --rm --pull=never localhost/appx/python \
		sh -c 'find /etc /opt /usr -xdev -type f ! -name hosts ! -name hostname ! -name resolv.conf -print0 | sort -z | xargs -0 md5sum | md5sum'
}

# shellcheck disable=SC2016 # the shell inside
killed_while_loading() {
	mine sh -c 'base-images python & sleep "$1"; kill -KILL $!; pkill -KILL -x podman' sh "$1" >/dev/null 2>&1 || true
}

# --- packages ---------------------------------------------------------------------------------------------------------

index=18099

packages_are_fetched_once() {
	timeout --foreground $((600 * slow)) "${engine[@]}" exec --detach "$BUILDER" \
		as-project "$project" python3 -I -c "$(cat "$here/inside/index.py")" "$index" "/workspace/$project/fetched"
	soon "an index of packages is up" 20 mine curl --silent --fail --output /dev/null "http://127.0.0.1:$index/verify-cached"
	write package.json <<<'{"dependencies": {"verify-cached": "1.0.0"}}'
	recipe one
	must "a build fetches packages for pip and for npm" build packages
	gives "each once" '^1 1$' fetched
	recipe two
	must "the next one, after a change, installs them again" build packages
	gives "and fetches none" '^1 1$' fetched
	gives "what was fetched is in no layer" '^$' mine podman run --rm --pull=never "localhost/$project:packages" find /var/lib/build-cache -mindepth 1 ! -name wheels
}

# recipe WORD: another word makes new layers. npm writes the lock file that the next step builds from.
recipe() {
	write Containerfile <<-TEXT
		FROM localhost/appx/node AS node
		COPY package.json ./
		RUN echo $1 && npm install --registry http://127.0.0.1:$index
		RUN rm -r node_modules && npm ci --prefer-offline --registry http://127.0.0.1:$index
		FROM localhost/appx/python
		RUN echo $1 && pip install --trusted-host 127.0.0.1 --index-url http://127.0.0.1:$index/simple verify-cached
		COPY --from=node /app/ /app/
	TEXT
}

# How often the wheel and the archive of npm were asked for.
# shellcheck disable=SC2016 # the shell inside
fetched() { mine sh -c 'echo $(grep -c whl fetched) $(grep -c tgz fetched)'; }

# pip asks in vain for some seconds, then takes what it has.
without_an_index() {
	mine pkill -f /fetched
	soon "the index is gone" 10 not mine curl --silent "http://127.0.0.1:$index/"
	mine podman run --rm --pull=never "localhost/$project:packages" cat package-lock.json | write package-lock.json
	write Containerfile <<-TEXT
		FROM localhost/appx/node
		COPY package.json package-lock.json ./
		RUN npm ci --prefer-offline --registry http://127.0.0.1:$index && ls node_modules
	TEXT
	gives "npm builds without it from a lock file" 'verify-cached' build offline
	write Containerfile <<-TEXT
		FROM localhost/appx/python
		RUN echo offline && pip install --trusted-host 127.0.0.1 --index-url http://127.0.0.1:$index/simple verify-cached
	TEXT
	gives "and pip with the wheels that it has" 'Successfully installed verify-cached' build offline
}

of_this_project_alone() {
	local owner first="$project" home
	owner="$(account_of "$project")"
	if [[ $owner == builder ]]; then
		skipped "another project has nothing of it" "all projects share one account here"
		return
	fi
	home="/home/$owner/tmp/build-cache"
	new_project verify-images-other
	write Containerfile <<<$'FROM localhost/appx/base\nRUN find /var/lib/build-cache -mindepth 1 ! -name wheels | wc -l'
	gives "the build of another project finds nothing of it" $'\n0\n' build empty
	refused "nor can another put a package into it" "Permission denied" mine touch "$home/evil"
	refused "nor can it read them" "Permission denied" mine ls "$home"
	project="$first"
}

not_too_much() {
	local directory=/home/uid/\$UID/tmp/build-cache
	# shellcheck disable=SC2016 # the shell inside
	mine bash -c "mkdir -p $directory/root; fallocate -l 600M $directory/root/old && touch -d '1 week ago' $directory/root/old"
	write Containerfile <<<$'FROM localhost/appx/base\nRUN ls /var/lib/build-cache/root'
	gives "what was not used for the longest time is removed when there is too much, and the rest stays" $'\nnpm\npip\n' build trimmed
}

main "$@"
