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
# How many seeds, and the first one: make faults SEEDS=50000 FROM=0
SEEDS ?= 1000
FROM ?= 0
# How many workers die: make crash KILLS=600
KILLS ?= 100
# How many reorgs: make reorgs REORGS=100
REORGS ?= 100

.PHONY: help demo test check bench crash reorgs attack differential faults model set-up format lock clean

help:
	@echo 'make demo    a subscription, orders and a loan on a local chain, with one kill -9 in the middle'
	@echo 'make test    every check and every test        (CONTRACTS=DIR runs them on other contracts)'
	@echo 'make check   ruff, mypy --strict, lint-imports, unused dependencies'
	@echo 'make bench   measure against peers, into build/bench.json'
	@echo 'make crash   a hundred kill -9 (KILLS=N) at chosen moments; every period is paid exactly once'
	@echo 'make reorgs  a hundred reorgs (REORGS=N) of depth 1 to 32 while payments are on their way'
	@echo 'make attack  a thief with the key tries a thousand random sessions; no loss exceeds the number'
	@echo 'make differential  a hundred thousand random operations: the model against the contracts'
	@echo 'make faults  seeds of simulated faults, SEEDS of them from FROM on; none pays twice, none is lost'
	@echo 'make model   explore every interleaving of a small world with all its faults, by the state table'
	@echo 'make format  let ruff format and fix'
	@echo 'make lock    resolve the dependencies anew into requirements/'
	@echo 'make clean   remove .venv and build/'

demo: set-up
	$(VENV)/sessionkeeper demo

# Half of the time a process waits for blocks: three of them keep two cores busy.
test: SET_UP := --test
test: check
	$(VENV)/python -m pytest -n 3 $(if $(CONTRACTS),--contracts '$(abspath $(CONTRACTS))') $(PYTEST_ARGS)

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
	$(VENV)/python -m tests.acceptance.crash --kills $(KILLS) --record build/crash.json

reorgs: SET_UP := --test
reorgs: set-up
	$(VENV)/python -m tests.acceptance.reorgs --reorgs $(REORGS) --record build/reorgs.json

attack: SET_UP := --test
attack: set-up
	$(VENV)/python -m tests.attack --sessions 1000 --record build/attack.json

differential: SET_UP := --test
differential: set-up
	$(VENV)/python -m tests.differential --ops 100000 --record build/differential.json $(if $(CONTRACTS),--contracts '$(abspath $(CONTRACTS))')

faults: SET_UP := --test
faults: set-up
	$(VENV)/python -m tests.simulation --seeds $(SEEDS) --from $(FROM) --report build/faults.json

model: SET_UP := --test
model: set-up
	$(VENV)/python -m tests.model

set-up:
	@python=$$(tools/choose-python) && "$$python" tools/set_up.py $(SET_UP)

format: set-up
	$(VENV)/ruff check --fix
	$(VENV)/ruff format

lock: set-up
	tools/lock

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
