# The gates. `scripts/test` runs them all, and the image and its acceptance suite, on a fresh machine.
VENV ?= .venv
BIN := $(VENV)/bin
SHELLS := $(shell git ls-files -co --exclude-standard | xargs -r grep -lE '^\#!.*\b(ba)?sh' 2>/dev/null)

.PHONY: setup check lint types layers shell test format

setup: $(BIN)/.locked

$(BIN)/.locked: requirements-dev.lock pyproject.toml
	python3 -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@

check: lint types layers shell test

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

test: setup
	$(BIN)/pytest -n auto

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	shfmt -w $(SHELLS)
