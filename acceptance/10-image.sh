#!/usr/bin/env bash
# What the image is, and what it must not carry.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

main() {
	builds_from_a_clean_checkout
	gives "the image has a health check" 'as-appx appx health' inspect '{{.Config.Healthcheck.Test}}'
	gives "the image has a version and a revision" '^[0-9.]+ [0-9a-f]+' \
		inspect '{{index .Config.Labels "org.opencontainers.image.version"}} {{index .Config.Labels "org.opencontainers.image.revision"}}'
	must "no file of the image raises privileges: no setuid, no setgid, no file capability" files_of_image raising
	must "only root can write to the files of the image, apart from the builder's home" files_of_image writable
	files_for_others
	bill_of_materials
	no_mirror_in_the_layers
	verdict
}

# What is committed has to be enough: no file that only this working tree has.
builds_from_a_clean_checkout() {
	local sentence="the image builds from a clean checkout of HEAD" checkout="$RUN/checkout"
	if ! git -C "$ROOT" rev-parse --quiet --verify HEAD >/dev/null 2>&1; then
		skipped "$sentence" "this is no git checkout"
		return
	fi
	git -c safe.directory='*' clone --quiet --no-hardlinks "$ROOT" "$checkout"
	must "$sentence" env APPX_ENGINE="$KIND" APPX_IMAGE=localhost/appx/verify:clean "$checkout/docker/builder/build.sh"
	engine image rm localhost/appx/verify:clean >/dev/null 2>&1 || true
}

inspect() { engine image inspect --format "$1" "$IMAGE"; }

# The files as an engine would unpack them, so that a mode or an attribute cannot hide behind a mount. The image names
# volumes, and each container made of it gets some.
files_of_image() {
	local id
	id="$(engine create "$IMAGE" true)"
	engine export "$id" | python3 "$here/tree.py" "$1" || {
		engine rm --volumes "$id" >/dev/null
		return 1
	}
	engine rm --volumes "$id" >/dev/null
}

# What an orchestrator needs on the host comes out of the image, without starting what is in it.
files_for_others() {
	of_the_image seccomp.json
	must "the seccomp profile that comes out of the image is the one of this checkout" cmp "$RUN/seccomp.json" "$ROOT/image/seccomp.json"
	of_the_image sbom.json
}

of_the_image() {
	local id
	id="$(engine create "$IMAGE" true)"
	engine cp "$id:/usr/local/share/appx-builder/$1" "$RUN/$1"
	engine rm --volumes "$id" >/dev/null
}

bill_of_materials() {
	local place
	must "the bill of materials names every Debian package of the image" compared builder deb debian_packages as_builder
	must "and every Python package" compared builder pypi python_packages as_builder /opt/appx/bin/python
	for place in base static python node; do
		must "it names every Debian package of localhost/appx/$place" compared "$place" deb debian_packages inner "localhost/appx/$place"
	done
	must "and the Python packages there" compared python pypi python_packages inner localhost/appx/python python3
	must "and npm with what it brings along" compared node npm npm_packages
}

# compared PLACE KIND COMMAND...: what the command lists, against what the bill of materials says of that place.
compared() {
	"${@:3}" >"$RUN/installed"
	python3 "$here/sbom.py" "$RUN/sbom.json" "$1" "$2" <"$RUN/installed"
}

# shellcheck disable=SC2016 # dpkg's fields
debian_packages() { "$@" dpkg-query --show --showformat '${Package} ${Version}\n'; }

python_packages() {
	"$@" -I -c '
import re
from importlib.metadata import distributions
for each in distributions():
    print(re.sub(r"[-_.]+", "-", each.name).lower(), each.version)'
}

npm_packages() {
	inner localhost/appx/node node -e '
const fs = require("fs"), path = require("path")
function look(directory) {
  for (const name of fs.readdirSync(directory)) {
    const below = path.join(directory, name), file = path.join(below, "package.json")
    if (name.startsWith("@")) { look(below); continue }
    if (!fs.existsSync(file)) continue
    const {name: called, version} = JSON.parse(fs.readFileSync(file))
    console.log(called, version)
    if (fs.existsSync(path.join(below, "node_modules"))) look(path.join(below, "node_modules"))
  }
}
look("/usr/local/lib/node_modules")'
}

# The address of the mirrors and indexes of this host is nobody's business.
no_mirror_in_the_layers() {
	local sentence="no layer and no history names a package mirror of this host"
	private_hosts >"$RUN/mirrors"
	if [[ ! -s $RUN/mirrors ]]; then
		skipped "$sentence" "this host has no mirror of its own"
		return
	fi
	engine image save "$IMAGE" >"$RUN/image.tar"
	must "$sentence" not grep -aoF -m 3 -f "$RUN/mirrors" "$RUN/image.tar"
	rm "$RUN/image.tar"
	inner_layers_name_no_mirror
}

inner_layers_name_no_mirror() {
	local name
	for name in base static python node; do
		as_builder podman save "localhost/appx/$name" >"$RUN/inner.tar"
		must "no layer of localhost/appx/$name names a package mirror of this host" \
			not grep -aoF -m 3 -f "$RUN/mirrors" "$RUN/inner.tar"
	done
	rm "$RUN/inner.tar"
}

private_hosts() {
	{
		# shellcheck disable=SC2016 # apt fills this in.
		apt-get indextargets --format '$(REPO_URI)' 2>/dev/null || true
		(cd / && python3 -m pip config list) 2>/dev/null || true
		printf '%s\n' "${PIP_INDEX_URL:-}" "${PIP_EXTRA_INDEX_URL:-}" "${NPM_CONFIG_REGISTRY:-}" "${http_proxy:-}" "${https_proxy:-}"
	} | sed -nE 's#.*https?://([^/@]*@)?([^/:]+).*#\2#p' | sort -u | grep -vE '(^|\.)(debian\.org|ubuntu\.com|pypi\.org|pythonhosted\.org|npmjs\.org)$' || true
}

main "$@"
