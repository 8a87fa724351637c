# The commands of the project; `make` lists them. The first two are all that most people need.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8501
PIP := $(BIN)/pip --disable-pip-version-check
# Tests wait for browsers and servers half of the time: one worker more than there are cores.
WORKERS ?= $(shell expr $$(nproc 2>/dev/null || echo 2) + 1)

.PHONY: help run test setup unit check audit fix docs pictures bench data clean

run: $(VENV)/.ready  ## set up what is needed, then open the dashboard at http://127.0.0.1:8501
	@$(BIN)/dexposure serve --port $(PORT) $(SERVE)

test: $(VENV)/.ready-dev browser java  ## set up what the tests need (a browser and Java where the machine allows it), then run them all
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --durations=25

setup: $(VENV)/.ready  ## install the product into .venv (`.venv/bin/dexposure`)

unit: $(VENV)/.ready-dev  ## the quick tests only
	@$(BIN)/python -m pytest -m "not slow and not browser"

check: $(VENV)/.ready-dev  ## format, lint, types, import contracts, docs in sync
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python docs/generate.py --check

audit: $(VENV)/.ready-dev  ## compare the installed packages with the pinned and the reviewed ones (no network)
	@$(BIN)/python .ci/audit.py

fix: $(VENV)/.ready-dev  ## format and mend what a machine can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: $(VENV)/.ready-dev  ## write the generated parts of docs/ again
	@$(BIN)/python docs/generate.py

pictures: $(VENV)/.ready-dev browser  ## take the pictures of docs/tour.md from the running dashboard again
	@$(BIN)/python docs/pictures.py

bench: $(VENV)/.ready  ## measure speed and memory on this machine
	@$(BIN)/dexposure bench

data: $(VENV)/.ready  ## rebuild the embedded simulated dataset and the weights of the forecaster
	@rm -rf data/store && $(BIN)/dexposure simulate --store data/store && $(BIN)/dexposure train --store data/store

clean:  ## remove what the commands above installed and cached
	@rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info

help:
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

# A stamp per environment: the second `make run` installs nothing and starts at once.
$(VENV)/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; say make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the product into $(VENV) (about two minutes the first time) ..."
	@$(PIP) install --quiet --editable .
	@touch $@

$(VENV)/.ready-dev: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the product and its tests' tools into $(VENV) (about two minutes the first time) ..."
	@$(PIP) install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.ready

# The browser tests drive an installed Chrome or Chromium. Where this is Debian and we may, install it.
.PHONY: browser
browser:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || command -v chromium-browser >/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing chromium for the browser tests ..."; \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null; \
	else echo "No Chrome or Chromium found: the browser tests will be skipped, and will say so."; fi

# The Spark engine runs on Java 17; its tests run where there is one.
.PHONY: java
java:
	@command -v java >/dev/null || test -x "$$JAVA_HOME/bin/java" || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing a Java runtime for the tests of the Spark engine ..."; \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends default-jre-headless >/dev/null; \
	else echo "No Java found: the tests of the Spark engine will be skipped, and will say so."; fi
