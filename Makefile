# Each target makes what it needs; all it takes is make and Python 3.11 or newer.

.DEFAULT_GOAL := help
SHELL := /bin/sh

VENV := .venv
BIN := $(VENV)/bin
# the first interpreter that is new enough; PYTHON=… chooses another (a name on PATH may be a shim for nothing, so each is asked)
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$python && break; done)
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

DEMO ?= --seconds 20
RECIPE ?=
PYTEST ?=
BENCH ?=

.PHONY: help
help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(VENV)/.runtime  ## simulated alerts through the whole pipeline, live in the terminal; needs no server
	@$(BIN)/streamer demo $(DEMO)

.PHONY: test
test: lint  ## all checks: lint, types, import directions, tests; skipped tests are listed at the end
	$(BIN)/pytest $(PYTEST)

.PHONY: lint
lint: $(VENV)/.dev  ## format, style, types and import directions, changing nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: $(VENV)/.dev  ## put every file into the house format and mend what can be mended without thought
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: bench
bench: $(VENV)/.dev  ## measure against fair baselines and through a real Kafka, into out/bench; fails if a ratio is 25 % worse
	$(BIN)/python -m tests.bench.with_kafka --out out/bench --check $(BENCH)

.PHONY: train
train: $(VENV)/.dev  ## train a model: make train RECIPE=path/to/recipe.toml
	@test -n "$(RECIPE)" || { echo 'which recipe? make train RECIPE=path/to/recipe.toml' >&2; exit 2; }
	$(BIN)/streamer train $(RECIPE)

.PHONY: clean
clean:  ## remove the virtual environment, the caches, and what benchmarks and trainings wrote into out/
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .benchmarks build dist out
	find streamer tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo 'streamer needs Python 3.11 or newer; set PYTHON=/path/to/python3' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo '$(PYTHON) cannot make virtual environments (on Debian and Ubuntu: apt install python3-venv)' >&2; exit 1; }
	@echo 'making $(VENV) with $(PYTHON) (once)'
	@$(PYTHON) -m venv $(VENV)

# what the service and the demo need; the order-only prerequisite keeps the interpreter's own date out of it
$(VENV)/.runtime: pyproject.toml constraints.txt | $(BIN)/python
	@echo 'installing what streamer needs (once)'
	@$(INSTALL) --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo 'installing what streamer and its checks need (once)'
	@$(INSTALL) --editable '.[dev]'
	@touch $@ $(VENV)/.runtime
