# make demo   runs a small study from fine-tuning to the report
# make check  checks style and types and runs the unit tests, in less than four minutes
# make test   runs all tests but the long ones; ARGS='-k masks' is handed to pytest
# make test-long runs what takes longer: simulations, long trainings, 200 faults
# make faults kills and disturbs a tiny study FAULTS times (200), a minute for every six
# make bench  measures speed next to other tools; ARGS=--quick only shows that it runs
# make lint   checks style, types and workflow without running anything
# make docs   builds the documentation as a site in build/site
# make env    makes the environment of all others, in .venv, from requirements.lock
# make lock   renews requirements.lock and envs/ within the ranges of pyproject.toml
# PYTHON=...  chooses the Python (3.11 or newer) that the environment is made with

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help env demo check test test-long faults bench lint docs lock clean-env

VENV := .venv
LOCK := requirements.lock
# A copy of the lock file in the finished environment: as long as both agree it is up to date.
MADE := $(VENV)/made-from.lock
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
ifndef PYTHON
PYTHON := $(shell for name in python3 python python3.13 python3.12 python3.11; do \
	$$name -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$name && break; done || true)
PYTHON := $(or $(PYTHON),python3)
endif
TEST_JOBS ?= 2
ARGS ?=
FAULTS ?= 200
FAULTS_SEED ?= 0
FAULTS_LOG ?= build/faults.jsonl

# Snakemake and the rules it starts find the environment's programs without activation.
IN_ENV := export PATH="$(CURDIR)/$(VENV)/bin:$$PATH";

help:
	@sed -n 's/^# //p;/^$$/q' Makefile

env:
	@if ! cmp -s $(LOCK) $(MADE); then \
	  $(PYTHON) -c '$(NEW_ENOUGH)' || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python"; exit 1; }; \
	  python=$$($(PYTHON) -c 'import os, sys; print(os.path.realpath(sys.executable))'); \
	  echo "Making the environment in $(VENV) (once; 2 GB, some minutes without a word)"; \
	  rm -rf $(VENV); \
	  "$$python" -m venv $(VENV); \
	  $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r $(LOCK); \
	  cp $(LOCK) $(MADE); \
	fi

demo: env
	$(IN_ENV) snakemake --workflow-profile workflow/profiles/demo

check: lint
	$(IN_ENV) python -m pytest -n $(TEST_JOBS) --dist worksteal -m 'not slow and not long' tests/unit $(ARGS)

test: env
	$(IN_ENV) python -m pytest -n $(TEST_JOBS) --dist worksteal $(ARGS)

test-long: env faults
	$(IN_ENV) python -m pytest -n $(TEST_JOBS) --dist worksteal -m long $(ARGS)

faults: env
	$(IN_ENV) PYTHONPATH=tests/workflow:workflow/scripts python tests/faults/campaign.py \
	  --faults $(FAULTS) --seed $(FAULTS_SEED) --log $(FAULTS_LOG)

bench: env
	$(IN_ENV) PYTHONPATH=workflow/scripts python benchmarks/run_all.py $(ARGS)

lint: env
	$(IN_ENV) ruff check
	$(IN_ENV) ruff format --check
	$(IN_ENV) snakefmt --check Snakefile workflow/rules
	$(IN_ENV) snakemake --lint
	$(IN_ENV) mypy

docs: env
	$(IN_ENV) NO_MKDOCS_2_WARNING=1 mkdocs build --strict

lock:
	rm -rf .venv-lock
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --disable-pip-version-check --upgrade setuptools -e '.[slurm,export,bench,docs,dev]'
	.venv-lock/bin/python envs/pin.py
	rm -rf .venv-lock

clean-env:
	rm -rf $(VENV)
