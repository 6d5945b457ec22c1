# `make run` and `make test` do everything a fresh machine needs. See README.md.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RELEASE := stack-sample-2026-11
SERVE ?= 1
MEGABYTES ?= 50
JOBS ?= $(shell nproc 2>/dev/null || echo 1)
export DJANGO_SETTINGS_MODULE := governance.settings

.DEFAULT_GOAL := help
.PHONY: help run serve demo test pytest lint format types checks browser bench stack stack-stop stack-status clean

help:  ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(VENV)/run.stamp: requirements/base.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/base.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	touch $@

run: $(VENV)/run.stamp  ## sample dataset, build, three answers, then serve on 127.0.0.1:8000 (SERVE=0: stop before)
	$(BIN)/python manage.py migrate --verbosity 0
	test -e data/sample/sample.json || $(BIN)/python manage.py make_sample --megabytes $(MEGABYTES)
	$(BIN)/python manage.py register $(RELEASE) --shards data/sample
	$(BIN)/python manage.py build $(RELEASE)
	$(BIN)/python manage.py activate $(RELEASE)
	$(BIN)/python manage.py show_examples
	@if [ "$(SERVE)" != 0 ]; then $(MAKE) --no-print-directory serve; fi

serve: $(VENV)/run.stamp  ## serve what is built on 127.0.0.1:8000
	$(BIN)/gunicorn governance.wsgi --bind 127.0.0.1:8000 --workers 2 --threads 4

demo: $(VENV)/test.stamp  ## one request from the form to the release where it is gone, each step with its commands
	$(BIN)/python -m tests.journey.demo

test: $(VENV)/test.stamp browser lint types checks pytest  ## lint, types, deployment check, migrations, all tests

pytest: $(VENV)/test.stamp  ## the tests alone, on the database of DATABASE_URL (SQLite where it is not set)
	$(BIN)/python -m pytest -n $(JOBS)

lint: $(VENV)/test.stamp  ## formatting and lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

format: $(VENV)/test.stamp  ## put the formatting right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/test.stamp
	$(BIN)/mypy

checks: $(VENV)/test.stamp
	keys=$$(mktemp -d) && for name in signing_key ledger_key; do ssh-keygen -q -t ed25519 -N "" -f $$keys/$$name; done && \
	  ENVIRONMENT=production SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(64))') \
	  SIGNING_KEY_FILE=$$keys/signing_key LEDGER_KEY_FILE=$$keys/ledger_key LEDGER_ORIGIN=example.org/codesteward \
	  SITE_URL=https://example.org EMAIL_URL=smtp://mail.example.org ALLOWED_HOSTS=example.org DATA_DIR=$$(mktemp -d) \
	  $(BIN)/python -W error manage.py check --deploy --fail-level WARNING
	DATA_DIR=$$(mktemp -d) $(BIN)/python manage.py makemigrations --check --dry-run

browser:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	  && apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; } \
	  || echo "No chromium, and no right to install it: the browser tests will be skipped and say so."

bench: $(VENV)/test.stamp  ## every figure that README.md quotes (takes a while)
	$(BIN)/python -m benchmarks

stack:  ## PostgreSQL, Redis, Elasticsearch and an S3 server on this machine, for development (SERVICES="redis ...")
	$(PYTHON) -m stack start $(SERVICES)

stack-stop:  ## end them; what they hold is kept
	$(PYTHON) -m stack stop $(SERVICES)

stack-status:  ## which of them run, and where
	$(PYTHON) -m stack status $(SERVICES)

clean:  ## remove the environment and everything that was built
	rm -rf $(VENV) data
