# What people do here: `make demo` first, `make test` and `make check` before a commit.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed

.PHONY: demo test check lock clean

demo: $(STAMP)  ## build the sample recipe into runs/sample
	$(BIN)/longhop build data/recipes/sample.yaml --out runs/sample --workers 2
	@echo "look at runs/sample/dataset/README.md, or: $(BIN)/longhop status runs/sample"

test: $(STAMP)  ## unit, property and integration tests, without network
	$(BIN)/pytest -q

check: $(STAMP)  ## style, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "longhop needs Python 3.11 or newer; name one: make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

lock: $(STAMP)  ## pin all dependencies anew: names, versions and hashes, no addresses
	@$(BIN)/python -m pip install -qq --disable-pip-version-check pip-tools
	$(BIN)/python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['dependency-groups']['dev'], sep='\n')" \
	  > $(VENV)/dev.in
	$(BIN)/python -m piptools compile --quiet --upgrade --strip-extras --allow-unsafe --generate-hashes --no-header \
	  --no-emit-index-url --no-emit-find-links --no-emit-options --no-annotate \
	  --output-file requirements.lock pyproject.toml $(VENV)/dev.in

clean:  ## remove what was installed and cached; never runs/, whose completions may have been paid for
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
