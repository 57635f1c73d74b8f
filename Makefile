# Everything runs in .venv, with the versions of constraints.txt, and make oldest in .venv-oldest,
# with those of constraints-oldest.txt. Nothing outside them is touched.
#   make demo PYTHON=python3.12                 another interpreter (3.11 or newer)
#   make demo DATA=my.csv TARGET=column        the mixed-table part of the demo on your own CSV file; TARGET is optional
#   make demo PIP_FLAGS="--extra-index-url ..." further options for pip, for instance PyTorch's index of CPU builds
PYTHON ?= python3
VENV ?= .venv
PIP_FLAGS ?=
DATA ?=
TARGET ?=
PY := $(VENV)/bin/python
OLDEST := .venv-oldest
NO_WARNINGS := -W error::DeprecationWarning -W error::FutureWarning
RUN := OMP_NUM_THREADS=1 $(PY)

BENCHMARKS := reconstruction_vs_pca capacity sampling likelihood mixed imputation anomaly explanation clustering disentanglement training_overhead answers geometry scaling ordinary_tables
PRESENT := $(filter $(patsubst benchmarks/%.py,%,$(wildcard benchmarks/*.py)),$(BENCHMARKS))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: help demo test lint docs bench bench-quick oldest clean

help:
	@echo "make demo         fit everything beside PCA, IsolationForest and KMeans, write figures to demo-output/"
	@echo "make demo DATA=my.csv [TARGET=column]"
	@echo "                  fit VAETransformer to your own table, draw rows and report on them"
	@echo "make test         tests and doctests"
	@echo "make lint         ruff and mypy"
	@echo "make docs         documentation with its executed gallery, in docs/_build/html"
	@echo "make bench        the benchmarks in full, up to an hour"
	@echo "make bench-quick  the same as a smoke test"
	@echo "make oldest       the fast tests on the oldest versions that pyproject.toml claims, in $(OLDEST)"
	@echo "make clean        remove .venv, $(OLDEST) and everything generated"

demo: $(VENV)/.installed-demo
	$(RUN) -m benchmarks.demo --output demo-output \
	    $(if $(DATA),--data "$(DATA)") $(if $(TARGET),--target "$(TARGET)")

test: $(VENV)/.installed-test
	$(RUN) -m pytest -n 2

lint: $(VENV)/.installed-test
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

docs: $(VENV)/.installed-docs
	$(RUN) -W error::FutureWarning -m sphinx -W --keep-going -b html -d docs/_build/doctrees docs docs/_build/html

bench: $(VENV)/.installed-bench
	@set -e; for name in $(PRESENT); do echo "== $$name"; $(PY) -m benchmarks.$$name; done

# The full benchmarks go through whatever a dependency announces; the smoke test says so first.
bench-quick: $(VENV)/.installed-bench
	@set -e; for name in $(PRESENT); do echo "== $$name --quick"; \
	    $(PY) $(NO_WARNINGS) -m benchmarks.$$name --quick; done

oldest: $(OLDEST)/.installed
	OMP_NUM_THREADS=1 $(OLDEST)/bin/python -m pytest -m fast -n 2

clean:
	rm -rf $(VENV) $(OLDEST) build dist demo-output docs/_build docs/auto_examples docs/generated docs/sg_execution_times.rst
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	    "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + ": make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

# One stamp for each group of extras: a second call has nothing to do until the requirements change.
$(VENV)/.installed-%: pyproject.toml constraints.txt | $(PY)
	@$(PY) -c 'import torch' 2>/dev/null || { \
	    echo "About to download into $(VENV): torch, scikit-learn, skorch and what they need."; \
	    echo "With a CPU build of torch this is about 300 MB (torch alone 200 MB). On Linux the default torch"; \
	    echo "also brings CUDA libraries, several GB; a machine without a GPU does not need them: take the index"; \
	    echo "of CPU builds named on https://pytorch.org/get-started/locally/ and call"; \
	    echo "    make $(MAKECMDGOALS) PIP_FLAGS=\"--extra-index-url <that index>\""; }
	$(PY) -m pip install --disable-pip-version-check $(PIP_FLAGS) -c constraints.txt -e ".[$*]"
	@touch $@

$(OLDEST)/.installed: pyproject.toml constraints-oldest.txt
	$(PYTHON) -m venv --clear $(OLDEST)
	$(OLDEST)/bin/python -m pip install --disable-pip-version-check $(PIP_FLAGS) \
	    -c constraints-oldest.txt -e ".[test]"
	@touch $@
