# Needs Python 3.11 or newer, git and make. Everything else lands in .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-slow test-attacks test-endurance soak test-inspector lint check clean

demo: .venv/installed
	$(BIN)/referee demo

test: .venv/dev
	$(BIN)/pytest -n auto -m "not slow and not attack and not endurance"

test-slow: .venv/dev
	$(BIN)/pytest -n auto -m slow

test-attacks: .venv/dev
	$(BIN)/pytest -n auto -m attack

test-endurance: .venv/dev
	$(BIN)/pytest -n auto -m endurance

soak: .venv/dev
	$(BIN)/python -m tests.soak $(SOAK)

test-inspector: .venv/installed
	scripts/inspector

lint: .venv/dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

check: lint test

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable .
	touch $@

.venv/dev: .venv/installed
	$(BIN)/pip install --quiet --editable ".[dev]"
	touch $@

clean:
	rm -rf .venv .demo .demo-state .inspector build dist *.egg-info
