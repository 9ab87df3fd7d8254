# Everything a newcomer needs: make help
.DEFAULT_GOAL := help
SHELL := /bin/sh

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input
OLDEST := 3, 11

# Options of `make demo`
HOME_DIR ?=
PORT ?= 8000
DOCS ?=
LANGUAGE ?= english
ONCE ?=
# Options of `make test` and `make test-slow`
WORKERS ?= 2
TESTS ?= tests

.PHONY: help install demo up down test test-slow lint format docs bench clean

help: ## Show this list
	@echo "Usage: make TARGET [OPTION=value ...]"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)$$/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

install: $(VENV)/.installed ## Build .venv with everything the service needs
	@echo "Installed. Next: make demo, or $(VENV)/bin/embedhub --help"

demo: $(VENV)/.installed ## Start everything and search real input: DOCS=folder LANGUAGE=german PORT=8000 HOME_DIR=folder ONCE=1
	@$(PY) -m embedhub.cli demo --port $(PORT) --language '$(LANGUAGE)' \
	  $(if $(HOME_DIR),--home '$(HOME_DIR)') $(if $(DOCS),--docs '$(DOCS)') $(if $(ONCE),--once)

up: $(VENV)/.installed ## Run the service until Ctrl-C: PORT=8000 HOME_DIR=folder
	@$(PY) -m embedhub.cli up --port $(PORT) $(if $(HOME_DIR),--home '$(HOME_DIR)')

down: $(VENV)/.installed ## Stop the service of HOME_DIR
	@$(PY) -m embedhub.cli down $(if $(HOME_DIR),--home '$(HOME_DIR)')

test: lint ## Check style and types, then run the tests but the long ones: TESTS=path WORKERS=2
	$(PY) -m pytest -n $(WORKERS) --dist loadfile -m "not slow" $(TESTS)

test-slow: $(VENV)/.installed-dev ## Run the long tests: TESTS=path WORKERS=2
	$(PY) -m pytest -n $(WORKERS) --dist loadfile -m slow $(TESTS)

lint: $(VENV)/.installed-dev ## Check style and types
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

format: $(VENV)/.installed-dev ## Put the code into the house's format
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

docs: $(VENV)/.installed ## Write the tables of the documentation that follow from the code
	$(PY) -m embedhub.cli settings --markdown > docs/settings.md

bench: $(VENV)/.installed-dev ## List the benchmarks; each is one command
	@for file in benchmarks/*.py; do \
	  case $$file in */__init__.py) ;; *) echo "$(PY) -m benchmarks.$$(basename $$file .py) --help";; esac; \
	done

clean: ## Remove .venv and caches; data folders stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

# The newest of the usual names that is new enough; PYTHON=path names one.
$(PY):
	@for name in $(PYTHON) python3 python3.13 python3.12 python3.11 python3.14; do \
	  if command -v $$name >/dev/null 2>&1 && \
	     $$name -c 'import sys; sys.exit(sys.version_info < ($(OLDEST)))' 2>/dev/null; then \
	    if $$name -m venv $(VENV); then exit 0; fi; \
	    rm -rf $(VENV); \
	    echo "$$name cannot make a virtual environment; on Debian and Ubuntu: apt install python3-venv" >&2; \
	    exit 1; \
	  fi; \
	done; \
	echo "EmbedHub needs Python 3.11 or newer; name one with: make $(MAKECMDGOALS) PYTHON=/path/to/python" >&2; \
	exit 1

$(VENV)/.installed: pyproject.toml constraints.txt | $(PY)
	@echo "Installing into $(VENV): some minutes the first time, most of it PyTorch"
	@$(PIP) install --quiet --constraint constraints.txt --editable '.[local,openvino]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(PY)
	@echo "Installing into $(VENV), with what the tests need: some minutes the first time"
	@$(PIP) install --quiet --constraint constraints.txt --editable '.[local,openvino,dev]'
	@touch $@ $(VENV)/.installed
