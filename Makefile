# The front door. `make run` and `make test` each need nothing but Python >= 3.11.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMPS := $(VENV)/.stamps

export REFLEX_USE_NPM := 1
export REFLEX_TELEMETRY_ENABLED := false
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help run dev test check format unit browser-tests browser redis build clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: $(STAMPS)/app ## set up, build and serve the app on http://localhost:3000 (PORT=...)
	@$(BIN)/reflex run --env prod

dev: $(STAMPS)/app ## serve in development mode: hot reload, page :3000, backend :8000
	@$(BIN)/reflex run

test: $(STAMPS)/test browser redis ## set up, check, and run every test with the coverage gate
	@$(MAKE) --no-print-directory check
	$(BIN)/python -m pytest --cov --cov-report=term --durations=15

check: $(STAMPS)/test ## ruff, mypy strict, import layers, audit of the dependencies
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/contracts/test_layers.py
	$(BIN)/python -m tests.contracts.audit

unit: $(STAMPS)/test redis ## the tests that need no browser
	$(BIN)/python -m pytest -m "not browser"

browser-tests: $(STAMPS)/test browser redis ## the tests that drive a browser
	$(BIN)/python -m pytest -m browser

browser: $(STAMPS)/test ## find Chromium and Firefox, or install them
	@$(BIN)/python -m tests.browser_support
	@$(BIN)/python -m tests.firefox_support

redis: $(STAMPS)/test ## find a Redis for the tests of several workers, or install it
	@$(BIN)/python -m tests.redis_support

format: $(STAMPS)/test ## write the code the way ruff formats it
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

build: $(STAMPS)/app ## export page and backend as two zip files
	@$(BIN)/reflex export

clean: ## remove what was built, keep the virtual environment
	rm -rf .web .web-test .web-test-shared .states assets/external build dist .coverage .mypy_cache .ruff_cache .pytest_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Voice Loop needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@echo "Setting up $(VENV) ..."
	@$(PYTHON) -m venv $(VENV) \
		|| { echo "Python's venv module is missing; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }

$(STAMPS)/app: $(BIN)/python pyproject.toml
	@mkdir -p $(STAMPS)
	@$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	@echo "Installing Voice Loop with the offline assistant ..."
	@$(BIN)/python -m pip install --quiet --editable ".[local]"
	@touch $@

$(STAMPS)/test: $(STAMPS)/app
	@echo "Installing what the tests need ..."
	@$(BIN)/python -m pip install --quiet --group dev
	@touch $@
