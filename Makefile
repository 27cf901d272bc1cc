# `make demo` and `make test` are the two to start with; every target sets up what it needs.
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast test-slow check fix bench bench-peers build lock

help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/make \1\t\2/p' Makefile | expand -t 16

setup: ## prepare .venv and Chromium (the other targets do it themselves)
	@PYTHON="$(PYTHON)" ./setup.sh

demo: setup ## train a small agent in real Chromium; CONTROL=1 adds the run without RL
	@if [ -e runs/demo ]; then \
		aside=runs/demo-$$(date +%Y%m%d-%H%M%S); \
		mv runs/demo $$aside && echo "==> Moved the last demo to $$aside"; fi
	$(BIN)/python -m cairn.cli train configs/demo.toml $(if $(CONTROL),--set control=true)

test: setup ## all tests but gpu and slow, with coverage
	$(PYTEST) -m "not gpu and not slow" --cov --cov-fail-under=90

test-fast: setup ## tests without browser, under a minute
	$(PYTEST) -m "not browser and not vllm and not gpu and not slow"

test-slow: setup ## what takes minutes; run before a release
	$(PYTEST) -m "slow and not gpu"

check: setup ## lint, formatting, types, spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/typos

fix: setup ## repair what the linters can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/typos --write-changes

bench: setup ## steps and resets a second
	$(BIN)/python -m cairn.cli bench

bench-peers: setup ## beside BrowserGym and Selenium, which it installs apart
	$(BIN)/python benchmarks/peers.py

build: setup ## sdist and wheel, tried in a clean environment
	@.ci/build

lock: setup ## write the versions now in .venv to constraints.txt
	$(BIN)/python -m pip freeze --exclude-editable --exclude miniwob | sed 's/+cpu$$//' > constraints.txt
