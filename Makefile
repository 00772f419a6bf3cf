# Everything works from an empty checkout: each target makes the virtual environment it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CHECK := build/check
FOLDERS := ltr datasets simulations cli benchmarks tests

.DEFAULT_GOAL := help
.PHONY: help install demo test check bench clean

help:  ## show this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

install: $(STAMP)  ## make .venv with the package (editable), its tests and its tools

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test,dev,remote]'
	touch $@

# one thread: networks of this size lose more to threads than they gain
demo: demo/session.nwb  ## simulate a session of learning, fit it and open the report
	OMP_NUM_THREADS=1 $(BIN)/ltr fit $< --align go_cue_time --window -0.4 0.4 \
		--condition target_angle --epoch epoch --length-scale 20 --iterations 200 \
		--out demo/run --overwrite --open

demo/session.nwb: | $(STAMP)
	mkdir -p demo
	OMP_NUM_THREADS=1 $(BIN)/ltr simulate reach --out $@

test: $(STAMP)  ## run all tests, two at a time, docstring examples included
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -p tests.type_checker --doctest-modules $(filter-out tests,$(FOLDERS))

check: $(STAMP)  ## lint, format, types and import contract
	$(BIN)/ruff check $(FOLDERS)
	$(BIN)/ruff format --check $(FOLDERS)
	rm -rf $(CHECK) build/lib
	$(BIN)/python -m pip install --quiet --no-deps --target $(CHECK) .
	cp -r benchmarks $(CHECK)
	cd $(CHECK) && $(CURDIR)/$(BIN)/mypy --config-file $(CURDIR)/pyproject.toml -p ltr -p benchmarks
	cd $(CHECK) && $(CURDIR)/$(BIN)/lint-imports --config $(CURDIR)/.importlinter

bench: $(STAMP)  ## measure speed, accuracy and memory (a quarter of an hour, on a machine that does nothing else)
	$(BIN)/python -m benchmarks

clean:  ## delete what make and the tests left behind, but not .venv
	rm -rf build demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find $(FOLDERS) -name __pycache__ -prune -exec rm -rf {} +
