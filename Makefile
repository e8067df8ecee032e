# Two commands: `make demo` (a first verdict on real models) and `make test`. Needs Python 3.11 or later, nothing else.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
ENDPOINT ?=

.PHONY: demo test check bench format clean
.DEFAULT_GOAL := demo

$(VENV)/.core: pyproject.toml constraints.txt
	@test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	@echo "Installing Fairtrial into $(VENV) …"; start=$$(date +%s); \
	  $(PIP) install --constraint constraints.txt --editable '.[local]'; status=$$?; \
	  [ $$status -eq 0 ] || exit $$status; \
	  echo "Installed $$(du -sm $(VENV)/lib | cut -f1) MB in $$(( $$(date +%s) - start )) s."
	@touch $@

$(VENV)/.dev: $(VENV)/.core
	@$(PIP) install --constraint constraints.txt --editable '.[local,postgres,dev]'
	@touch $@

demo: $(VENV)/.core  ## a first verdict: real models, real prompts, a signed report
	@$(BIN)/fairtrial demo $(if $(ENDPOINT),--endpoint '$(ENDPOINT)')

test: $(VENV)/.dev  ## every test; those with the real model pull it once
	@$(BIN)/python -m pytest -n 2 --dist loadgroup -q

check: $(VENV)/.dev  ## lint, types, imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: $(VENV)/.dev
	@$(BIN)/ruff check --fix-only --quiet . ; $(BIN)/ruff format --quiet .

bench: $(VENV)/.dev  ## the numbers of docs/numbers.md, side by side in one run
	@$(BIN)/python benchmarks/run.py

clean:
	rm -rf $(VENV) demo-lab .pytest_cache .mypy_cache .ruff_cache
