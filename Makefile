# What a person types. `make run` is all it takes to see the product; `make help` lists the rest.
# PYTHON=/path/to/python3.11 chooses the interpreter. ARGS="-k word" goes to pytest.

PYTHON ?=
ARGS ?=
export PYTHON ARGS
PY := .venv/bin/python

.PHONY: help setup run setup-test test lint lab lab16 bench chaos clean

help:
	@echo 'make run     start the product with servers of its own; the address and the login are printed'
	@echo 'make setup   only make .venv and install what requirements.lock names'
	@echo 'make test    all tests (ARGS="-k word" chooses)      make lint    style, types, import directions'
	@echo 'make lab     play with a real Asterisk and SIP phones   make bench   figures      make chaos   long fault runs'
	@echo 'make lab16   the lab tests on Asterisk 16, with PJSIP and with the old SIP driver'
	@echo 'make clean   remove .venv and caches; your data in .state stays'

setup:
	@sh .ci/setup requirements.lock

run: setup
	@exec $(PY) manage.py up

setup-test:
	@sh .ci/setup tests/requirements.lock

test: setup-test
	@sh .ci/test

lint: setup-test
	@sh .ci/lint

lab: setup-test
	@exec $(PY) -m tests.pbx.play $(ARGS)

lab16: setup-test
	@exec $(PY) -m pytest -m "lab and slow" $(ARGS)

bench: setup-test
	@exec $(PY) -m tests.bench $(ARGS)

chaos: setup-test
	@exec $(PY) -m pytest -m chaos $(ARGS)

clean:
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis staticfiles test-artifacts
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo 'Cleaned. Databases, keys and logs in .state were kept; remove that folder to start anew.'
