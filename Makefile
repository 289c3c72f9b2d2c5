# Everything here works in a fresh clone: each target first makes what it needs, and is quick the second time.

PYTHON ?= python3
# "make test PYTHON=python3.12" has an environment of its own, .venv-3.12; the plain python3 has .venv.
VENV ?= .venv$(if $(filter-out python3,$(PYTHON)),-$(subst /,-,$(patsubst python%,%,$(PYTHON:/%=%))))
BIN = $(VENV)/bin
RUN = $(BIN)/python
CONSTRAINTS ?=
MACHINE_RUNS ?= 2000
FUZZ_SECONDS ?= 60
FUZZ_SEED ?= 1
INSTALL = $(RUN) -m pip install --quiet --disable-pip-version-check $(if $(CONSTRAINTS),-c $(CONSTRAINTS))

.DEFAULT_GOAL := help
.PHONY: help demo pictures test test-oldest lint lint-js format types drift devices docs examples coverage machine fuzz mutants stress peers fleet bench redis crawl soak conformance clean

help: ## show this
	@echo "Targets (PYTHON=python3.12 chooses another Python):"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

demo: $(VENV)/.installed ## install all that is needed, then watch a page of a demo site load in Chromium
	@.ci/chromium "$(RUN)"
	@echo "== watching the demo site"
	@$(RUN) -m examples.demo

test: $(VENV)/.dev ## everything that has to pass, with coverage; as much of it at a time as the processors bear
	@.ci/chromium "$(RUN)"
	@.ci/haproxy
	@$(RUN) .ci/check.py "$(MAKE_COMMAND)" lint drift types docs examples tests

test-oldest: ## the tests with the oldest dependencies that setup.py allows
	@mkdir -p build
	@$(PYTHON) .ci/oldest.py setup.py > build/oldest.txt
	@$(MAKE) --no-print-directory coverage VENV=$(VENV)-oldest CONSTRAINTS=build/oldest.txt

lint: $(VENV)/.dev ## ruff: rules and format; and the types of the scripts, where there is npm
	@echo "== ruff"
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@echo "== the scripts' types"
	@PYTHON=$(RUN) .ci/javascript --if-there

lint-js: $(VENV)/.dev ## the types of the scripts, by TypeScript (needs npm)
	@PYTHON=$(RUN) .ci/javascript

format: $(VENV)/.dev ## let ruff mend what it can
	@$(RUN) -m ruff check --fix .
	@$(RUN) -m ruff format .

types: $(VENV)/.dev ## mypy, strict
	@echo "== mypy"
	@$(RUN) -m mypy

drift: $(VENV)/.dev ## txcdp/domains is what the generator writes
	@echo "== generated code"
	@$(RUN) -m txcdp.codegen --check

devices: $(VENV)/.dev ## bring txcdp/devices.json up to date (needs npm)
	@npm install --silent --no-save --ignore-scripts --prefix build/devices playwright-core
	@node -p "JSON.stringify(require('./build/devices/node_modules/playwright-core').devices)" > build/devices/devices.json
	@$(RUN) -m txcdp.codegen.devices build/devices/devices.json

pictures: $(VENV)/.dev ## make the documentation's pictures, by txcdp itself
	@.ci/chromium "$(RUN)"
	@for each in charts session make report; do PYTHONPATH=. $(RUN) docs/pictures/$$each.py || exit 1; done

docs: $(VENV)/.dev ## the documentation, in docs/_build/html
	@echo "== docs"
	@$(RUN) -m sphinx -q -W --keep-going -j auto -b html -d docs/_build/doctrees docs docs/_build/html || \
	    { rm -rf docs/_build/doctrees; exit 1; } # what was read once does not warn again

examples: $(VENV)/.dev ## run every example against the demo site
	@.ci/chromium "$(RUN)"
	@echo "== examples"
	@$(RUN) .ci/examples.py

coverage: $(VENV)/.dev ## the tests, with branch coverage
	@.ci/chromium "$(RUN)"
	@.ci/haproxy
	@echo "== tests"
	@$(RUN) .ci/check.py "$(MAKE_COMMAND)" tests

machine: $(VENV)/.dev ## anything in any order, beside a model of what must come of it (MACHINE_RUNS=100000: for longer)
	@echo "== the state machine"
	@$(RUN) tests/lab/machine_runs.py $(MACHINE_RUNS)

fuzz: $(VENV)/.fuzz ## fuzz the decoder, guided by coverage (FUZZ_SECONDS=3600 FUZZ_SEED=7: for longer, otherwise)
	@echo "== fuzzing"
	@$(RUN) -m tests.lab.fuzz.fuzz --seconds $(FUZZ_SECONDS) --seed $(FUZZ_SEED)

mutants: $(VENV)/.dev ## put faults into the library, one after the other: some test has to fail
	@echo "== deliberate faults"
	@$(RUN) -m tests.lab.mutations.run

bench: $(VENV)/.dev ## measure txcdp; the figures go to build/bench, as JSON (SHORT=1: a try, of the clients alone)
	@.ci/chromium "$(RUN)"
	@.ci/optional tests/lab/benchmarks/run "$(RUN)" $(if $(SHORT),--short)

stress: $(VENV)/.dev machine fuzz mutants ## what takes too long for each time: launches in bulk, more ways to die, chaos, and these three
	@.ci/chromium "$(RUN)"
	@$(RUN) .ci/supervise.py --times $(RUN) -m pytest -m stress
	@HYPOTHESIS_PROFILE=search $(RUN) -m pytest -m "not browser" # other examples than make test has

peers: $(VENV)/.dev ## puppeteer, playwright and others through the gateway, in all ways, and twenty at once; installs them
	@.ci/chromium "$(RUN)"
	@$(RUN) .ci/supervise.py --times $(RUN) -m pytest -m peers tests/browser

fleet: $(VENV)/.dev ## nodes and callers over a real router, Crossbar, which it installs
	@.ci/chromium "$(RUN)"
	@.ci/crossbar "$(PYTHON)" $(VENV)-crossbar
	@CROSSBAR=$(VENV)-crossbar/bin/crossbar $(RUN) .ci/supervise.py --times $(RUN) -m pytest -m fleet tests/fleet

redis: $(VENV)/.dev ## a crawl over two processes, by scrapy-redis, with one killed; installs that and Redis
	@.ci/chromium "$(RUN)"
	@command -v redis-server >/dev/null 2>&1 || .ci/packages apt-get:redis-server dnf:redis pacman:redis apk:redis zypper:redis brew:redis
	@$(INSTALL) scrapy-redis
	@$(RUN) .ci/supervise.py --times $(RUN) -m tests.lab.redis_crawl

crawl: $(VENV)/.dev ## ten thousand requests by Scrapy: what is left of them, and the memory (REQUESTS=1000: fewer)
	@.ci/chromium "$(RUN)"
	@$(RUN) .ci/supervise.py --times $(RUN) -m tests.lab.crawl_soak $(if $(REQUESTS),--requests $(REQUESTS))

soak: $(VENV)/.dev ## chaos on a real Chromium for an hour (SECONDS=..., SEED=... does it again)
	@.ci/chromium "$(RUN)"
	@$(RUN) -m tests.lab.chaos $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

conformance: $(VENV)/.dev ## the Autobahn test suite (SUITE=full: about an hour on two processors)
	@.ci/optional tests/lab/conformance/run "$(RUN)" $(SUITE)

clean: ## remove what these targets made
	rm -rf .venv .venv-* build dist docs/_build docs/reference/domains/*.rst *.egg-info
	rm -rf .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis _trial_temp*
	find . -name __pycache__ -prune -exec rm -rf {} +

# An environment is made anew for another Python, and installed into again when the metadata change.
$(VENV)/.created: .ci/venv
	@.ci/venv "$(PYTHON)" "$(VENV)"
	@touch $@

$(VENV)/.installed: $(VENV)/.created setup.py pyproject.toml
	@echo "== installing txcdp into $(VENV)"
	@$(INSTALL) -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.created setup.py pyproject.toml
	@echo "== installing txcdp and its development tools into $(VENV)"
	@$(INSTALL) -e ".[dev,rx]"
	@touch $@ $(VENV)/.installed

# The fuzzer is for one system: where there is none, this installs nothing.
$(VENV)/.fuzz: $(VENV)/.dev
	@$(INSTALL) -e ".[fuzz]"
	@touch $@
