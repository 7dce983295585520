# The two commands that matter are `make demo` and `make test`; each does all its own set-up.
PYTHON ?= python3
VENV := .venv
BENCH_VENV := .venv-bench
BIN := $(VENV)/bin
.DEFAULT_GOAL := help

.PHONY: help setup setup-development demo test faults faults-short faults-night contract-faults restart-faults approval-faults boundary-faults forgetful planted-bugs deploy-faults replay-mutants surrounding-faults faults-selftest model-comparison undo-races property-machine api-fuzz bench bench-peers lint requirements documents approve-mails lock clean

help:
	@echo "make demo   watch an application become a contract, a contract live and end, devices restart, administrators decide"
	@echo "make test   lint, types, architecture and every test but the fault lanes"
	@echo "make faults-short  the worst moments of each fault lane; some minutes"
	@echo "make faults kill every part of the running product at twenty moments; nearly ten minutes"
	@echo "make faults-night  every long lane one after the other; two hours"
	@echo "make contract-faults  the same at twenty moments from a cancellation to its undo; twenty minutes"
	@echo "make restart-faults   the same from a restart's schedule to its end; slots slept through and raced; ten minutes"
	@echo "make approval-faults  the same from a request for approval to the end of what it allowed; ten minutes"
	@echo "make deploy-faults    new code while procedures are under way, and a version that is taken back; some minutes"
	@echo "make surrounding-faults  network, mail server and disk at fault, frozen workers, repeated calls, poison; twenty minutes"
	@echo "make boundary-faults  the worker killed at every boundary of every procedure's history; twenty minutes"
	@echo "make forgetful  every procedure's tests on a worker that loses each step and each completion once; some minutes"
	@echo "make planted-bugs  twenty-four mistakes made in a copy of the code, each to be found; ten minutes"
	@echo "make replay-mutants   how many incompatible changes of the workflows the kept histories notice; some minutes"
	@echo "make model-comparison  1,000 contracts through 26 months against a paper calendar; half an hour"
	@echo "make undo-races  200 undos as their window closes; some minutes"
	@echo "make bench  measure the product and what it stands on, into docs/performance.md; fifteen minutes"
	@echo "make bench-peers  Tetsuzuki beside other engines on the same small process; fifteen minutes"
	@echo "make property-machine  plays drawn at random against a plain model; five minutes"
	@echo "make api-fuzz  Schemathesis against the API, as everybody who can call it; some minutes"
	@echo "make setup  only make the environment: then '$(BIN)/tetsuzuki up' is the product"

$(VENV)/local.done: requirements/local.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Setting up: installing the product and its embedded servers …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/local.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --config-settings editable_mode=compat -e .
	@touch $@

$(VENV)/development.done: requirements/development.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Setting up: installing the product and its development tools …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/development.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --config-settings editable_mode=compat -e .
	@touch $@

# The other engines have an environment of their own.
$(BENCH_VENV)/bench.done: requirements/bench.txt pyproject.toml
	@test -x $(BENCH_VENV)/bin/python || $(PYTHON) -m venv $(BENCH_VENV)
	@echo "Setting up: installing the product and the engines it is measured beside …"
	@$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	@touch $@

setup: $(VENV)/local.done
setup-development: $(VENV)/development.done

demo: setup
	@$(BIN)/tetsuzuki demo

# Ends with an error when anything is lost, doubled or cut short (docs/faults.md).
faults: setup-development
	@$(BIN)/python -m tests.faults

faults-night: faults contract-faults restart-faults approval-faults deploy-faults surrounding-faults boundary-faults

# Likewise, from a contract's cancellation over its end and its return kit to the undo.
contract-faults: setup-development
	@$(BIN)/python -m tests.faults --lane contracts --within 3600

# Likewise, from a restart's schedule over its slot to the device's return.
restart-faults: setup-development
	@$(BIN)/python -m tests.faults --lane restarts --lane slept --lane slots --within 1200

# Likewise, from a request for approval to the end of the session or the access that it allowed.
approval-faults: setup-development
	@$(BIN)/python -m tests.faults --lane approvals --within 1200

# Likewise, the code changed under procedures of every kind, once well and once so that it must be taken back.
deploy-faults: setup-development
	@$(BIN)/python -m tests.faults --lane deploy --within 1200

# Likewise, with the parts alive and what surrounds them at fault.
surrounding-faults: setup-development
	@$(BIN)/python -m tests.faults --lane network --lane mail-server --lane mail-tls --lane three-days --lane frozen \
		--lane repeated --lane poison --lane full-disk --within 3600

# The worker killed at every boundary of the history of every procedure.
boundary-faults: setup-development
	@$(BIN)/python -m tests.faults --lane boundaries --within 3600

# Each step rolled back once and each completion lost once, and no workflow kept in memory.
forgetful: setup-development
	TETSUZUKI_FAULTS=tests.faults.forgetful TETSUZUKI_PATIENCE=30 $(BIN)/pytest -q -n 2 --dist worksteal tests/processes
	TETSUZUKI_WORKER_MAX_CACHED_WORKFLOWS=0 TETSUZUKI_PATIENCE=30 $(BIN)/pytest -q -n 2 --dist worksteal tests/processes

# Does the harness see mistakes? Ends with an error when one of them is not found.
planted-bugs: setup-development
	@$(BIN)/python -m tests.faults.planted

# Ends with an error when too few changes are noticed, or one that is not has no reason (tests/replay/survivors.py).
replay-mutants: setup-development
	@$(BIN)/python -m tests.replay.score

faults-selftest: setup-development
	@$(BIN)/pytest -q $(wildcard tests/faults/test_*invariants.py)

# Ends with an error at the first contract whose terms, mails, fees or kits differ from the paper calendar's.
model-comparison: setup-development
	@$(BIN)/python -m tests.contracts_model

# Ends with an error when an undo and the end of its window leave a contract half undone.
undo-races: setup-development
	@$(BIN)/python -m tests.contracts_model --undo-races 200

bench: setup-development
	$(BIN)/python -m bench

# Puts what it measured into docs/performance.md.
bench-peers: $(BENCH_VENV)/bench.done
	@$(BENCH_VENV)/bin/python -m bench.peers
# New plays each time, until one does not end as on paper; EXAMPLES plays of at most STEPS steps.
property-machine: setup-development
	@TETSUZUKI_MACHINE_EXAMPLES=$(or $(EXAMPLES),60) TETSUZUKI_MACHINE_STEPS=$(or $(STEPS),30) $(BIN)/pytest -q tests/machine

# EXAMPLES drawn for each operation and role, besides those that cover its limits.
api-fuzz: setup-development
	@TETSUZUKI_FUZZ_EXAMPLES=$(or $(EXAMPLES),40) $(BIN)/pytest -q -n 2 -m faults tests/api_fuzz

lint: setup-development
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy .

test: setup-development lint
	$(BIN)/pytest -n 2 --dist worksteal -m "not faults"

# The fault lanes in a minute each: the few worst moments.
faults-short: setup-development
	$(BIN)/pytest -m faults --ignore=tests/api_fuzz $(LANES)

# For each requirement the tests that prove it, and which have none. Starts no server.
requirements: setup-development
	@$(BIN)/python -m tests.requirements

# Puts the line numbers in the documents' links right after code has moved.
documents: setup-development
	@$(BIN)/python -m tests.documents

# Takes the mails as they now are for approved; read the difference before committing it.
approve-mails: setup-development
	TETSUZUKI_APPROVE_MAILS=1 $(BIN)/pytest -q tests/mails/test_approved.py
	git diff --stat -- tests/mails/approved

lock: setup-development
	$(BIN)/uv pip compile --python-version 3.11 --universal --generate-hashes --no-header --no-annotate -q pyproject.toml requirements/development.in --extra local -o requirements/development.txt
	$(BIN)/uv pip compile --python-version 3.11 --universal --generate-hashes --no-header --no-annotate -q pyproject.toml --extra local -c requirements/development.txt -o requirements/local.txt
	$(BIN)/uv pip compile --python-version 3.11 --universal --generate-hashes --no-header --no-annotate -q pyproject.toml -c requirements/development.txt -o requirements/product.txt
	$(BIN)/uv pip compile --python-version 3.11 --universal --generate-hashes --no-header --no-annotate -q pyproject.toml requirements/bench.in --extra local -c requirements/development.txt -o requirements/bench.txt

clean:
	rm -rf $(VENV) $(BENCH_VENV) build *.egg-info
