# loadkit: `make help` lists the targets. Only Python >= 3.11 and make are needed; the rest is installed into .venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
REV ?= $(shell git describe --tags --abbrev=0 2>/dev/null || echo main)
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
INFRA := $(VENV)/infra

.DEFAULT_GOAL := help
# of reports/trust.html
SECTIONS := search sizing gate stalls peers limits stages fleet intervals integrity soak blind

.PHONY: help quickstart test test-long test-lanes test-infra check bench stress memcheck trust gate build clean $(addprefix trust-,$(SECTIONS))

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'
	@echo "  make trust-X      one section whole, for X in $(SECTIONS)"

quickstart: $(STAMP) ## install, start a real Kafka, sweep two settings on it, print the answer and the report's path
	$(BIN)/loadkit quickstart

test: $(DEV_STAMP) ## run the tests, real Kafka included
	$(BIN)/python -m pytest

test-long: $(DEV_STAMP) ## every test, long ones and more random examples too; about half an hour
	$(BIN)/python -m pytest -m 'long or not long' --hypothesis-profile=thorough

test-lanes: $(DEV_STAMP) ## the tests on a real Kafka, once on each lane
	LOADKIT_LANE=fast $(BIN)/python -m pytest -m kafka
	LOADKIT_LANE=standard $(BIN)/python -m pytest -m kafka

test-infra: $(INFRA)/.installed ## the tests of terraform/, chart and image, applied for real to stand-ins; needs terraform and go
	$(BIN)/python -m pytest -m infra

check: $(DEV_STAMP) ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check loadkit tests bench scenarios trust
	$(BIN)/mypy

bench: $(DEV_STAMP) ## ratios against peers on the embedded Kafka, interleaved; takes about an hour
	$(BIN)/python -m bench --pairs 7

stress: $(DEV_STAMP) ## the fast lane: 100 M messages, broker kills, rebalances; goes on where it was; fails on loss, crash, leak
	$(BIN)/python -m bench.stress

memcheck: $(DEV_STAMP) ## the fast lane under valgrind (apt-get install valgrind): a million messages
	$(BIN)/python -m bench.stress --memcheck

trust: $(DEV_STAMP) ## a short slice of every section measured anew beside the committed figures, then reports/trust.html; half an hour
	$(BIN)/python -m trust --run

# trust-search, trust-stalls, ...: a section's committed figures made anew; resumable
$(addprefix trust-,$(SECTIONS)): trust-%: $(DEV_STAMP)
	$(BIN)/python -m trust.$*

gate: $(DEV_STAMP) ## this checkout against REV (default: the last tag, or main) on a real Kafka; takes about ten minutes
	$(BIN)/loadkit gate scenarios/orders.py --baseline-rev $(REV) --baseline-set Checkout.rate=1k/s --candidate-set Checkout.rate=1k/s --fail-if 'client.cpu_per_message > +10%' \
	  --fail-if 'latency.p50 > +10%' --fail-if 'lost > 0' --duration 10s --warmup 5s --budget 10m

build: $(DEV_STAMP) ## build sdist and wheel into dist/
	$(BIN)/python -m build

clean: ## remove what make made
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache

$(BIN)/python:
	@echo "creating $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit("loadkit needs Python 3.11 or newer; set PYTHON=python3.12, say") if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'

$(STAMP): pyproject.toml | $(BIN)/python
	@echo "installing loadkit into $(VENV) (about a minute the first time)"
	@$(BIN)/python -m pip install --quiet --editable '.[all]'
	@touch $@

$(DEV_STAMP): $(STAMP)
	@echo "installing the tools of development"
	@$(BIN)/python -m pip install --quiet --group dev
	@touch $@

# checkov pins what others need newer, so it has an environment of its own
$(INFRA)/.installed: $(DEV_STAMP) tests/infra/tools.txt
	@command -v terraform >/dev/null && command -v go >/dev/null || { echo "terraform and go must be on PATH"; exit 1; }
	@echo "installing the tools of make test-infra (about five minutes the first time)"
	@$(BIN)/python -m pip install --quiet --group infra
	@$(PYTHON) -m venv $(INFRA)/checkov && $(INFRA)/checkov/bin/pip install --quiet 'checkov>=3.3,<4'
	@mkdir -p $(INFRA)/bin && while read -r tool; do echo "building $$tool" && GOBIN=$(abspath $(INFRA)/bin) GOFLAGS=-modcacherw go install "$$tool" || exit 1; done < tests/infra/tools.txt
	@touch $@
