# The commands to remember; `make` alone lists them. Only `make image` needs Docker, none needs root.
PYTHON ?= python3
IMAGE ?= longshore
# Files of tests that run side by side. They wait for servers more than they compute; 0 for one after the other.
TESTS_AT_ONCE ?= 3
VENV := .venv
PIP := $(VENV)/bin/python -m pip --quiet --disable-pip-version-check
# What makes requirements.lock, in a virtualenv of its own.
LOCKER := uv==0.13.9
SHELL_SCRIPTS := $(wildcard *.sh local_test/*.sh .ci/*)

# What the recipes run finds the venv first, as `container/serve` must on a host.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint lock bench image clean

help: ## list these commands
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

setup: $(VENV)/set-up ## make .venv: all that serving, testing and linting need, nginx included
	@python -m compileall -q container/longshore_runtime

# Bytecode as in the image: without it each start takes 0.1 s longer where Python may not write it.
# .venv is made again only when what goes into it changes. In two steps, as in the Dockerfile, so that the model's
# packages count here too where they name another release than ours.
$(VENV)/set-up: requirements.txt container/requirements.txt requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "make setup: $(PYTHON) is missing or older than 3.11. Name one that is not: make setup PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { \
	  echo "make setup: $(PYTHON) has no venv module. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -r requirements.txt
	$(PIP) install -r container/requirements.txt -r requirements-dev.txt
	$(PIP) install --no-deps --editable .
	@touch $@

demo: setup ## train the sample model, serve it, send it real requests
	local_test/demo.sh

test: setup ## run all tests; those in need of Docker are skipped where no engine answers
	python -m pytest -q -rs -n $(TESTS_AT_ONCE) --dist loadfile --no-loadscope-reorder $(ARGS)

lint: setup ## ruff, mypy, shellcheck
	ruff check .
	ruff format --check .
	mypy
	shellcheck $(SHELL_SCRIPTS)

# For every platform and Python from 3.11 on; where it installs from is not written down, so any index does.
lock: ## write requirements.lock: the hashes of what requirements.txt names
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT \
	 && $(PYTHON) -m venv "$$folder" \
	 && "$$folder/bin/python" -m pip --quiet --disable-pip-version-check install $(LOCKER) \
	 && "$$folder/bin/uv" pip compile --quiet --no-config --no-cache --universal --python-version 3.11 \
	      --generate-hashes --no-annotate --custom-compile-command 'make lock' \
	      --output-file requirements.lock requirements.txt >/dev/null

bench: setup ## measure beside what this replaces
	$(PIP) install -r bench/requirements.txt
	python -m bench.application
	python -m bench $(ARGS)
	python -m bench.pressure $(filter --quick,$(ARGS))
	python -m bench.algorithm $(filter --quick,$(ARGS))
	python -m bench.peers $(filter --quick,$(ARGS))
	python -m bench.emulator $(filter --quick,$(ARGS))
	python -m bench.bodies

image: ## build the image: make image IMAGE=name BUILD_OPTIONS="--build-arg BASE_IMAGE=..."
	docker build --tag $(IMAGE) $(BUILD_OPTIONS) .

# The last two lines: virtualenvs of other tools, for tests and benches; folders of failed and killed tests.
clean: ## remove what the commands above made, in caches and temporary folders too
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
	rm -rf "$${XDG_CACHE_HOME:-$$HOME/.cache}/longshore-bench"
	find "$${TMPDIR:-/tmp}" -maxdepth 1 -user "$$(id -un)" \( -name "pytest-of-$$(id -un)" -o -name 'lshr-*' \) -exec rm -rf {} +
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
