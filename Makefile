# Two commands do everything: `make demo` and `make test`. Both build .venv first if it is not there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench docs proof clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-6s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install --quiet --constraint constraints.txt --editable '.[bot,sim]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(VENV)/.demo

demo: $(VENV)/.demo  ## start a simulated Kraken, connect MASTER + users, copy trades, print the report
	$(BIN)/krakenonce demo $(ARGS)

# The tests start hundreds of interpreters: without .pyc files each of them would compile all modules anew.
test: $(VENV)/.dev  ## all tests: no root, no service needed
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -m "not proof" -n auto --dist worksteal $(ARGS)

lint: $(VENV)/.dev  ## format, lint, types, imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Much of it is waiting: three at a time, even on two cores.
proof: $(VENV)/.dev  ## the long forms of the fault and crash tests (up to 90 minutes)
	$(BIN)/python -m pytest -m proof --timeout 5400 -v -n 3 --dist worksteal $(ARGS)

bench: $(VENV)/.dev  ## speed, beside the peers, on this machine
	$(BIN)/python -m benchmarks $(ARGS)

docs: $(VENV)/.dev  ## check the documentation: links, examples, commands
	$(BIN)/python -m pytest tests/docs $(ARGS)

clean:  ## remove what was built
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .benchmarks
