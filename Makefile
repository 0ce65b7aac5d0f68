# Needs Python 3.11 or newer, git and make. Everything else lands in .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-slow test-attacks test-endurance soak test-inspector test-scanner test-clients lint lint-workflows release-rehearsal check clean

demo: .venv/installed
	$(BIN)/referee demo

test: .venv/dev
	$(BIN)/pytest -n auto --dist worksteal -m "not slow and not attack and not endurance and not clients"

test-slow: .venv/dev
	$(BIN)/pytest -n auto -m "slow and not clients"

test-attacks: .venv/dev
	$(BIN)/pytest -n auto -m attack

test-endurance: .venv/dev
	$(BIN)/pytest -n auto -m endurance

soak: .venv/dev
	$(BIN)/python -m tests.soak $(SOAK)

test-inspector: .venv/installed
	scripts/inspector

test-scanner: .venv/installed
	PYTHON=$(PYTHON) scripts/scanner

test-clients: .venv/dev
	scripts/clients
	$(BIN)/pytest -n auto -m clients tests/clients

lint: .venv/dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

lint-workflows:
	PYTHON=$(PYTHON) scripts/lint-workflows

release-rehearsal:
	PYTHON=$(PYTHON) scripts/release-rehearsal

check: lint test

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable .
	touch $@

.venv/dev: .venv/installed
	$(BIN)/pip install --quiet --editable ".[dev]"
	touch $@

clean:
	rm -rf .venv .demo .demo-state .inspector .clients .scanner .workflows build dist *.egg-info
