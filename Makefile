# Three commands: demo, test, lint. Each makes .venv when it is missing and runs one standard tool.
# Versions come from constraints.txt alone.

PYTHON ?= python3
PYTEST_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
NEEDED := notebook-agents needs Python 3.11 or newer. Name one, as in: make demo PYTHON=python3.12

.DEFAULT_GOAL := help
.PHONY: help demo lab test lint clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 14

demo: $(VENV)/.installed-demo ## set up and see it work
	@$(BIN)/python notebooks/demo.py

lab: $(VENV)/.installed-demo ## open the quick-start notebook in JupyterLab
	$(BIN)/jupyter lab notebooks/quickstart.ipynb

test: $(VENV)/.installed-test ## set up and run the tests; PYTEST_ARGS goes to pytest
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --nbval-lax $(PYTEST_ARGS)

lint: $(VENV)/.installed-lint ## check format, rules, types, rooms, notebooks and sizes
	$(BIN)/pre-commit run --all-files

clean: ## remove .venv and every cache
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build dist notebooks/.output

# One stamp per extra: a second run installs nothing until the requirements change.
$(VENV)/.installed-%: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing notebook-agents[$*] into $(VENV); the first time takes some minutes."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$*]'
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "$(PYTHON) cannot be used: $(NEEDED)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
		|| { rm -rf $(VENV); echo "On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
