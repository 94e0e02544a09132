# The menu. `make help` lists what there is; the Python that makes the virtual environment can be chosen:
#
#   make run PYTHON=python3.12 LAVA_PORT=8001
#
# With DATABASE_URL and REDIS_URL in the environment, those are used and none are started.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.SUFFIXES:

# The first of these that works and is new enough.
PYTHON_CANDIDATES := python3.11 python3.12 python3.13 python3.14 python3 python
IS_NEW_ENOUGH := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for candidate in $(PYTHON_CANDIDATES); do \
	if $$candidate -c "$(IS_NEW_ENOUGH)" 2>/dev/null; then echo $$candidate; break; fi; done)

VENV := .venv
IN_VENV := $(VENV)/bin/python
# Before a command, these give it a PostgreSQL of its own: for tests one that may forget when the power fails.
WITH_POSTGRES := $(IN_VENV) -m apps.devstack.with_postgres
WITH_TEST_POSTGRES := $(WITH_POSTGRES) --forgetful .lava/test-postgres --
WITH_BENCH_POSTGRES := $(WITH_POSTGRES) .lava/bench-postgres --
test lint bench: export LAVA_SECRET_KEY := not-a-secret
test lint bench: export LAVA_KEY_PEPPER := not-a-secret

.PHONY: help
help: ## List what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: $(VENV)/installed ## Start Lava on this machine: database, web, worker and a sandbox to try it with
	@exec $(IN_VENV) -m apps.devstack

.PHONY: test
test: $(VENV)/installed-dev ## Run the tests (make test ARGS="tests/ledger -k expiry")
	@$(WITH_TEST_POSTGRES) $(IN_VENV) -m pytest -n auto --dist loadfile $(ARGS)

.PHONY: lint
lint: $(VENV)/installed-dev ## Check style, types, who imports whom, and that no migration is missing
	$(IN_VENV) -m ruff check .
	$(IN_VENV) -m ruff format --check .
	$(WITH_TEST_POSTGRES) $(IN_VENV) -m mypy
	$(IN_VENV) $(VENV)/bin/lint-imports
	$(WITH_TEST_POSTGRES) $(IN_VENV) manage.py check
	$(WITH_TEST_POSTGRES) $(IN_VENV) manage.py makemigrations --check --dry-run

.PHONY: bench
bench: $(VENV)/installed-dev ## Measure how many requests per second are charged, on a durable database
	@$(WITH_BENCH_POSTGRES) $(IN_VENV) -m bench $(ARGS)

.PHONY: seed
seed: $(VENV)/installed ## Fill the sandbox merchant with months of believable history (make seed ARGS="--days 7")
	@$(IN_VENV) -m apps.devstack seed $(ARGS)

.PHONY: audit
audit: $(VENV)/installed ## Prove the books: every balance, grant, cycle and receipt
	@$(IN_VENV) -m apps.devstack manage audit_books $(ARGS)

.PHONY: clean
clean: ## Remove the virtual environment and caches; the data in .lava stays
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache staticfiles
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

# What is installed is remembered by the time of these files: nothing is asked until the requirements change.
$(VENV)/installed: requirements.txt | $(IN_VENV)
	@$(call install,$<)
	@touch $@

$(VENV)/installed-dev: requirements-dev.txt | $(IN_VENV)
	@$(call install,$<)
	@touch $(VENV)/installed $@

$(IN_VENV):
	@if [ -z "$(PYTHON)" ]; then \
		echo "Lava needs Python 3.11 or newer with its venv module, and found none of: $(PYTHON_CANDIDATES)."; \
		echo "On Debian and Ubuntu: apt install python3.11 python3.11-venv"; \
		echo "If it is elsewhere:   make run PYTHON=/path/to/python3.11"; exit 1; fi
	@if ! $(PYTHON) -c "$(IS_NEW_ENOUGH)"; then \
		echo "$(PYTHON) is not a Python 3.11 or newer with its venv module."; exit 1; fi
	@echo "Making $(VENV) with $$($(PYTHON) --version)"
	@rm -rf $(VENV) && $(PYTHON) -m venv $(VENV)

define install
	echo "Installing $(1); this takes a minute the first time."; \
	$(IN_VENV) -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1) || { \
		echo; \
		echo "The packages in $(1) could not be installed; pip says why above."; \
		echo "  - no answer or a time-out: is the package index reachable from here?"; \
		if ! command -v cc >/dev/null && ! command -v gcc >/dev/null; then \
			echo "  - building a wheel failed: there is no C compiler here. On Debian and Ubuntu:"; \
			echo "    apt install build-essential python3-dev. With Python 3.11, 3.12 or 3.13 on Linux or"; \
			echo "    macOS none is needed: every package comes built."; \
		else \
			echo "  - building a wheel failed: the C compiler is here, Python's headers may be missing"; \
			echo "    (python3-dev)."; \
		fi; \
		exit 1; }
endef
