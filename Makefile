# The commands everyone uses.  Each sets up what it needs; `make help` lists them.
# The gate is `make test`: quickest checks first, the same on a laptop and in CI.

BIN := .venv/bin
PY_CLIENT := $(wildcard clients/python/pyproject.toml)
export PYTHON

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test setup lint types unit docs news wheel coverage bench format lock clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 12

run: .venv/.ok-run ## set up and start `sessiond dev`
	@$(BIN)/sessiond dev $(ARGS)

test: setup lint types unit docs news wheel ## set up and run the whole gate
	@echo "gate passed"

setup: .venv/.ok-dev ## everything the tests need: tools, redis-server, Node packages, Chromium
	@tests/setup/redis.sh
	@tests/setup/node.sh
	@tests/setup/browser.sh

.venv/.ok-run: deploy/constraints.txt pyproject.toml
	@tests/setup/venv.sh run

.venv/.ok-dev: deploy/constraints-dev.txt pyproject.toml $(PY_CLIENT)
	@tests/setup/venv.sh dev

lint: .venv/.ok-dev ## formatting, lint, import contracts, spelling
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/typos

types: .venv/.ok-dev ## mypy, strict
	$(BIN)/mypy
	$(if $(PY_CLIENT),$(BIN)/mypy clients/python)

unit: .venv/.ok-dev ## pytest; a skipped test fails
	$(BIN)/pytest --no-skips $(ARGS)

docs: .venv/.ok-dev ## build the docs, warnings are errors, and run their doctests
	$(BIN)/sphinx-build -q -n -W --keep-going -b html docs docs/_build/html
	$(BIN)/sphinx-build -q -n -W --keep-going -b doctest docs docs/_build/doctest

news: .venv/.ok-dev ## check the change fragments by drafting the next changelog
	$(BIN)/towncrier build --draft --version next >/dev/null

wheel: .venv/.ok-dev ## build the wheel and import everything from it
	@tests/setup/wheel.sh

coverage: .venv/.ok-dev ## pytest with branch coverage
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(ARGS)
	$(BIN)/coverage combine -q
	$(BIN)/coverage report

bench: setup ## the benchmarks; results go to docs/benchmarks.md
	$(BIN)/python -m tests.benchmarks $(ARGS)

format: .venv/.ok-dev ## format and fix what can be fixed
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lock: .venv/.ok-dev ## pin the newest versions anew: deploy/constraints*.txt, tests/setup/redis.txt
	$(BIN)/python -m pip install --quiet uv
	@tests/setup/lock.sh

clean: ## remove what the tools and builds left (not .venv)
	rm -rf build dist docs/_build .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -not -path './.venv/*' -not -path '*/node_modules/*' -prune -exec rm -rf {} +
