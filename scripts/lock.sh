#!/usr/bin/env bash
# Locks the dependencies, with hashes and without the address of any registry: requirements.lock (what the image
# runs), requirements-build.lock (what makes our wheel), requirements-sbom.lock (what writes the image's bill of
# materials), and requirements-dev.lock (the first two, and the tools of the gates).
set -euo pipefail

main() {
	cd "$(dirname "$0")/.."
	lock requirements.lock pyproject.toml
	lock requirements-build.lock --group build
	lock requirements-sbom.lock --group sbom
	lock requirements-dev.lock --group dev pyproject.toml
}

# One file works for every Python that we support, on every platform.
lock() {
	local file="$1"
	shift
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--no-emit-index-url --no-emit-find-links --output-file "$file" ${UPGRADE:+--upgrade} "$@"
}

main "$@"
