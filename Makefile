# The project's commands. A fresh Debian 12 with Python 3.11 needs nothing else: each target sets up what it uses.
SHELL := /bin/bash
# The first that can make an environment; Debian's own takes a fifth less time than most that were built by hand.
PYTHON ?= $(shell for one in /usr/bin/python3.11 python3.11 python3; do \
  $$one -c 'import ensurepip, venv' 2>/dev/null && command -v $$one && exit; done; command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.callmark
DEMO_ARGS ?=
PYTEST_ARGS ?=
CHAOS_ARGS ?=
CHECKS := types python clients sql imports words pages scripts sizes deploy rules licences audit bill
MIGRATIONS = $(wildcard src/callmark/kit/migrations/0*.sql)

# Also where the environment keeps Python from writing bytecode beside its sources: each process starts in half the time.
export PYTHONDONTWRITEBYTECODE :=
export PYTHONPYCACHEPREFIX := $(CURDIR)/$(STAMP)/bytecode

.PHONY: setup demo test test-inside test-e2e check docs pictures bench chaos fuzz fuzz-api models lock floors assets format dist clean $(CHECKS:%=check-%)

setup: $(STAMP)/installed $(STAMP)/assets ## The environment alone: .venv with every extra, .venv/bin/callmark

demo: setup ## The main job on embedded engines; prints the story and the addresses, stays up
	$(BIN)/callmark demo $(DEMO_ARGS)

# Tests of pages and processes mostly wait: they run beside the others and are printed at their end. For the numbers of
# workers see docs/decisions/0056-what-the-tests-cost.md.
test: setup $(STAMP)/chromium $(STAMP)/debian ## Everything the tests need, then the whole suite
	@rm -rf $(PYTHONPYCACHEPREFIX)$(or $(TMPDIR),/tmp)/pytest-of-* # programs that earlier runs made
	@$(MAKE) --no-print-directory --jobs=2 --keep-going test-inside test-e2e

test-inside: setup $(STAMP)/debian ## All tests but those of pages and processes
	$(BIN)/python -m pytest --ignore tests/e2e --numprocesses 5 --dist loadscope --no-loadscope-reorder $(PYTEST_ARGS)

test-e2e: setup $(STAMP)/chromium $(STAMP)/debian ## Tests of pages and processes
	$(BIN)/python -m pytest tests/e2e --numprocesses 2 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS) >$(STAMP)/e2e.log 2>&1; status=$$?; cat $(STAMP)/e2e.log; exit $$status

# The checks run beside each other, each with its output in one piece.
check: setup $(STAMP)/node ## Format, lint, types, generated clients, import rules, words, sizes, containers, licences, weaknesses
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target --keep-going $(CHECKS:%=check-%)

check-types:
	@tools/node.sh node_modules/pyright/index.js

check-python:
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/python -m tools.check_ignores
	@$(BIN)/python -m tools.check_queries

check-clients:
	@$(BIN)/python -m tools.check_clients

check-sql:
	@$(BIN)/python -m tools.check_migrations
	@$(BIN)/sqlfluff lint --quiet $(MIGRATIONS)
	@$(BIN)/squawk --reporter gcc $(MIGRATIONS)

check-imports:
	@$(BIN)/lint-imports >$(STAMP)/imports.log || { cat $(STAMP)/imports.log; exit 1; }

check-words:
	@$(BIN)/codespell
	@$(BIN)/python -m tools.check_words

check-pages:
	@$(BIN)/djlint --lint --quiet $$(git ls-files 'src/*.html')

check-scripts:
	@tools/node.sh node_modules/@biomejs/biome/bin/biome check --error-on-warnings # which files: biome.jsonc

# Where promtool is: `make test` installs it.
check-rules:
	@! command -v promtool >/dev/null || promtool check config deploy/prometheus/prometheus.yml >$(STAMP)/rules.log || { cat $(STAMP)/rules.log; exit 1; }

check-sizes:
	@$(BIN)/python -m tools.check_sizes

docs: setup ## The documentation as a site, in build/site; fails on dead links and on pages outside the navigation
	$(BIN)/python -m tools.docs_site.build

# The container file and the compose file; tests start what they describe.
check-deploy:
	@$(BIN)/hadolint deploy/container/Containerfile
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec deploy/compose.yaml

check-licences:
	@$(BIN)/python -m tools.check_licences

# Known weaknesses of what comes from outside. AUDIT_ARGS=--strict, before a release, fails where the services do not answer.
check-audit:
	@$(BIN)/python -m tools.check_audit $(AUDIT_ARGS)

# Made again when what it lists changes.
check-bill: $(STAMP)/bill.cdx.json

$(STAMP)/bill.cdx.json: $(STAMP)/installed requirements/server.txt package-lock.json tools/sbom.py tools/licences.py
	@$(BIN)/python -m tools.sbom $@

pictures: setup $(STAMP)/chromium ## Takes the pictures of docs/images again
	$(BIN)/python -m tools.pictures

bench: setup ## Each figure beside its ceiling in the same run: the standard set, also in build/bench.json
	$(BIN)/python -m bench

.PHONY: bench-check bench-baseline soak
bench-check: bench ## The standard set, compared with bench/baseline.json; fails where something became worse
	$(BIN)/python -m bench check

bench-baseline: bench ## The standard set, stored as bench/baseline.json
	$(BIN)/python -m bench baseline

soak: setup ## An hour of mixed traffic at half load (BENCH_SOAK_MINUTES): what grows, if anything
	$(BIN)/python -m bench soak

chaos: setup ## Parts die under load and every promise is checked: 30 cycles; CHAOS_ARGS="--seed 7 --cycles 1000 --report FILE"
	$(BIN)/python -m chaos $(CHAOS_ARGS)

# The fuzzer is not part of the environment: it is built for few versions of Python, and few people need it.
FUZZ_MINUTES ?= 3
fuzz: setup ## Each parser of outside bytes under a fuzzer, FUZZ_MINUTES each; FUZZ="heads frames" for some of them
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/uv pip install --quiet --python $(BIN)/python 'atheris>=3'
	$(BIN)/python -m fuzz --minutes $(FUZZ_MINUTES) $(FUZZ)

fuzz-api: setup ## The API under requests made up from its document: many of each kind, and in a row by its links
	MODELS=deep $(BIN)/python -m pytest tests/surfaces/reference/test_schemathesis.py -p no:randomly $(PYTEST_ARGS)

models: setup ## The state machines of the tests with many examples (MODELS_EXAMPLES of each), new ones in each run; then properties
	MODELS=deep MODELS_EXAMPLES=$(MODELS_EXAMPLES) $(BIN)/python -m pytest -k test_life -p no:randomly $(PYTEST_ARGS)
	MODELS=deep $(BIN)/python -m pytest -m hypothesis -p no:randomly $(PYTEST_ARGS)

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	tools/node.sh node_modules/@biomejs/biome/bin/biome check --write

dist: setup ## The wheel and the sdist in dist/, built twice and compared, and the bill of materials
	@tools/dist.sh

floors: setup ## The wheel with the lowest version that pyproject.toml allows of each package: all imports, a short story; asks an index
	@$(BIN)/python -m tools.floors

lock: $(STAMP)/uv ## Compiles requirements/ and package-lock.json again
	tools/lock.sh

$(STAMP)/uv: requirements/uv.txt
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { apt-get update && apt-get install -y python3-venv; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@mkdir -p $(STAMP) && touch $@

$(STAMP)/installed: $(STAMP)/uv requirements/all.txt pyproject.toml
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements/all.txt requirements/uv.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	@tools/hooks/install
	@touch $@

# Node comes from the machine or, where it has none, from a wheel (see tools/node.sh).
$(STAMP)/node: $(STAMP)/installed package-lock.json
	tools/npm.sh ci --no-progress
	@touch $@

$(STAMP)/assets: $(STAMP)/node tools/assets.py
	$(BIN)/python tools/assets.py
	@touch $@

# Debian's browser without windows, for the tests of pages; Playwright never downloads one.
$(STAMP)/chromium: | $(STAMP)/installed
	@command -v chromium-headless-shell >/dev/null || \
	  { apt-get update && apt-get install -y --no-install-recommends chromium-headless-shell; } || command -v chromium
	@touch $@

# What reads the files of deploy/ in tests: proxies, promtool, systemd-analyze, SIP programs. RUNLEVEL=1 keeps services from starting.
DEBIAN := nginx haproxy prometheus systemd kamailio kamailio-utils-modules kamailio-extra-modules sip-tester baresip-core secsipidx
$(STAMP)/debian: | $(STAMP)/installed
	@dpkg-query --show --showformat='$${db:Status-Status}\n' $(DEBIAN) 2>/dev/null | grep -cx installed | grep -qx $(words $(DEBIAN)) || \
	  { apt-get update && RUNLEVEL=1 apt-get install -y --no-install-recommends $(DEBIAN); }
	@touch $@

assets: $(STAMP)/assets

clean:
	rm -rf $(VENV) node_modules dist src/callmark/surfaces/static/vendor
