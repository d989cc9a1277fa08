# The same verbs at home and in automation. Each works in a fresh clone: it makes the virtual environment it needs.

PYTHON ?= python3
SECONDS ?= 60
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Compiled once, not in every process that the tests start.
unexport PYTHONDONTWRITEBYTECODE
PROTO := src/openmimc/wire/proto
GENERATED := src/openmimc/wire/pb

.PHONY: run test lint bench fuzz docs proto sdk clean
.DELETE_ON_ERROR:

run: $(VENV)/.run
	$(BIN)/openmimc serve --demo-app

# Hypothesis without its deadline, which a busy machine misses, and with the same examples each time: what fails
# here fails again. Plain `pytest` looks for new examples.
test: $(VENV)/.test
	@tests/browser/get_chromium.sh
	$(BIN)/pytest -n 2 --dist loadgroup --hypothesis-profile=ci

lint: $(VENV)/.lint $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m openmimc.app.reference --check docs/reference/configuration.md
	rm -rf $(VENV)/pb
	$(call generate,$(VENV)/pb)
	@diff -r --exclude=__init__.py --exclude=__pycache__ $(VENV)/pb $(GENERATED) \
	  || { echo 'The generated protobuf code is not current; run: make proto' >&2; exit 1; }

bench: $(VENV)/.test
	@set -e; for script in $(wildcard benchmarks/*.py); do echo "== $$script"; $(BIN)/python "$$script"; done

fuzz: $(VENV)/.test
	$(BIN)/python fuzz/run_short.py --seconds $(SECONDS)
	$(BIN)/python fuzz/run_native.py --seconds $(SECONDS)

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

proto: $(VENV)/.lint
	$(call generate,$(GENERATED))
	$(BIN)/python -m openmimc.app.reference docs/reference/configuration.md

# What is built is committed, so that a server needs no Node; a test compares.
sdk: $(VENV)/.test
	$(BIN)/python sdk/js/npm.py run build

clean:
	rm -rf $(VENV) build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis src/*.egg-info src/openmimc/wire/*.so sdk/js/build sdk/js/node_modules

# ---------------------------------------------------------------- generated code

# $(1): the directory to put it into.
define generate
mkdir -p $(1)
	$(BIN)/python -m grpc_tools.protoc -I $(PROTO) --python_out=$(1) --pyi_out=$(1) ims.proto mimc.proto rts.proto
endef

# ---------------------------------------------------------------- virtual environment

# One stamp per group of packages, so that `make run` does not wait for test tools.

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo 'Python 3.11 or newer is needed, $(PYTHON) is not; run: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade 'pip>=25.1'
	touch $@

$(VENV)/.run: $(VENV)/.python pyproject.toml constraints.txt setup.py $(wildcard src/openmimc/wire/_native/*)
	$(PIP) install -c constraints.txt -e .
	touch $@

$(VENV)/.test $(VENV)/.lint $(VENV)/.docs: $(VENV)/.%: $(VENV)/.run
	$(PIP) install -c constraints.txt --group $*
	touch $@
