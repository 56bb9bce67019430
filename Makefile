# The gates. `scripts/test` runs them all, and the image and its acceptance suite, on a fresh machine.
VENV ?= .venv
BIN := $(VENV)/bin
SHELLS := $(shell git ls-files -co --exclude-standard | xargs -r grep -lE '^\#(!.*\b(ba)?sh|  *shellcheck shell=)' 2>/dev/null)

# Some tests wait more than they compute.
WORKERS ?= $(shell expr $$(nproc) + 1)

# How many servers `make crash` kills at random moments, and from which seed on.
KILLS ?= 100
SEED ?= 1

.PHONY: setup check lint types layers shell audit test snapshots crash crash-sweep format

setup: $(BIN)/.locked

$(BIN)/.locked: requirements-dev.lock pyproject.toml
	python3 -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps --only-binary :all: -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

check: lint types layers shell audit test crash

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy

layers: setup
	$(BIN)/lint-imports --no-cache

shell:
	shellcheck -x $(SHELLS)
	shfmt -d $(SHELLS)

# Known holes in the locked packages. Without a network it says so, and succeeds.
audit: setup
	$(BIN)/python scripts/audit.py

test: setup
	$(BIN)/pytest -n $(WORKERS) --dist worksteal --ignore tests/crash

# What each provider is sent for the conversations of tests/fakes/conversations.py. Read the diff before you commit it.
snapshots: setup
	$(BIN)/python -m tests.unit.models.requests

# Kills, sick and full disks, power cuts, damage. docs/operate.md tells how to run more of it.
crash: setup
	$(BIN)/pytest -n $(WORKERS) tests/crash --kills $(KILLS) --seed $(SEED)

# Every file-changing system call instead of a sample: about half an hour.
crash-sweep: setup
	$(BIN)/pytest -n $(WORKERS) tests/crash/test_sweep.py --points 0

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	shfmt -w $(SHELLS)
