# Everything starts here: each target sets up what it needs, and a second run starts in seconds.
SHELL := /bin/sh
VENV := .venv/bin
CACHE := build/cache
# Where another build of the contracts is: make test CONTRACTS=DIR
CONTRACTS ?=
PYTEST_ARGS ?=

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export HYPOTHESIS_STORAGE_DIRECTORY := $(CURDIR)/build/cache/hypothesis
export PYTHON
# Where a machine forbids bytecode, each of the many short processes would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test check bench crash attack set-up format lock clean

help:
	@echo 'make demo    a subscription is paid on a local chain, with one kill -9 in the middle'
	@echo 'make test    every check and every test        (CONTRACTS=DIR runs them on other contracts)'
	@echo 'make check   ruff, mypy --strict, lint-imports, unused dependencies'
	@echo 'make bench   measure against peers, into build/bench.json'
	@echo 'make crash   a hundred kill -9 at chosen moments; every period is paid exactly once'
	@echo 'make attack  a thief with the key tries a thousand random sessions; no loss exceeds the number'
	@echo 'make format  let ruff format and fix'
	@echo 'make lock    resolve the dependencies anew into requirements/'
	@echo 'make clean   remove .venv and build/'

demo: set-up
	$(VENV)/sessionkeeper demo

test: SET_UP := --test
test: check
	$(VENV)/python -m pytest -n 2 --dist loadgroup $(if $(CONTRACTS),--contracts '$(abspath $(CONTRACTS))') $(PYTEST_ARGS)

check: set-up
	$(VENV)/ruff check
	$(VENV)/ruff format --check
	$(VENV)/lint-imports --no-logo --cache-dir $(CACHE)/import_linter
	$(VENV)/mypy
	$(VENV)/deptry .

bench: SET_UP := --bench
bench: set-up
	$(VENV)/python -m benchmarks

crash: SET_UP := --test
crash: set-up
	$(VENV)/python -m tests.acceptance.crash --kills 100

attack: SET_UP := --test
attack: set-up
	$(VENV)/python -m tests.attack --sessions 1000

set-up:
	@python=$$(tools/choose-python) && "$$python" tools/set_up.py $(SET_UP)

format: set-up
	$(VENV)/ruff check --fix
	$(VENV)/ruff format

lock: set-up
	tools/lock

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
