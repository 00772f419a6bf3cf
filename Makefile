# Everything works from an empty checkout: each target makes the virtual environment it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CHECK := build/check
FOLDERS := ltr datasets simulations cli benchmarks tests

.DEFAULT_GOAL := help
.PHONY: help install demo cv-demo test check bench clean

help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

install: $(STAMP)  ## make .venv with the package (editable), its tests and its tools

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test,dev,remote,cluster]'
	touch $@

# one thread: networks of this size lose more to threads than they gain
demo: demo/session.nwb  ## simulate a session of learning, fit it and open the report
	OMP_NUM_THREADS=1 $(BIN)/ltr fit $< --align go_cue_time --window -0.4 0.4 \
		--condition target_angle --epoch epoch --length-scale 20 --iterations 200 \
		--out demo/run --overwrite --open

demo/session.nwb: | $(STAMP)
	mkdir -p demo
	OMP_NUM_THREADS=1 $(BIN)/ltr simulate reach --out $@

TEACHER := --inputs none --readout linear --no-readout-bias --smooth-ms 0 --center none --scale none --amplitude 0.5 \
	--activity-penalty 0 --factor-penalty 1e-4 --trial-dropout 0 --initial-weights random \
	--learning-rate 0.03 --polish lbfgs --validation-fraction 0 --patience 1400 --baselines none
# LTR_RECORDINGS may name several folders
PLACES = $(or $(subst :, ,$(LTR_RECORDINGS)),../shared/recordings)
RAT_NAME = rat_motor_cortex_lever.nwb
RAT = $(or $(firstword $(wildcard $(addsuffix /$(RAT_NAME),$(PLACES)))),$(firstword $(PLACES))/$(RAT_NAME))

# reduced in folds, seeds, steps and trials
cv-demo: demo/session.nwb  ## choose the rank of two teachers, of the demo's network and of rats' motor cortex
	for rank in 3 5; do ranks=$$((rank - 1)):$$((rank + 1)) && \
		OMP_NUM_THREADS=1 $(BIN)/ltr simulate teacher --rank $$rank --noise 0.2 --noise-ms 20 \
			--out demo/teacher$$rank.nc --overwrite && \
		$(BIN)/ltr cv demo/teacher$$rank.nc $(TEACHER) --initial-state condition --length-scale 15 --iterations 300 --polish-iterations 300 \
			--rank $$ranks --folds 3 --seeds 2 --out demo/cv-teacher$$rank --overwrite || exit 1; \
	done
	OMP_NUM_THREADS=1 $(BIN)/ltr simulate teacher --rank 3 --noise 0.2 --noise-ms 80 --out demo/teacher-slow.nc --overwrite
	for holdout in blocks entries; do \
		$(BIN)/ltr cv demo/teacher-slow.nc $(TEACHER) --initial-state trial --length-scale 1 --holdout $$holdout \
			--rank 3,8 --iterations 200 --polish-iterations 100 --folds 2 --seeds 1 --out demo/cv-free-$$holdout --overwrite || exit 1; \
	done
	$(BIN)/ltr cv demo/session.nwb --align go_cue_time --window -0.4 0.4 --condition target_angle --epoch epoch \
		--length-scale 20 --iterations 150 --rank 1,3,5,6 --folds 2 --seeds 1 \
		--baselines psth,neighbouring_trials,constant_factors --out demo/cv-reach --overwrite
	if test -f $(RAT); then \
		$(BIN)/ltr cv $(RAT) --align press1_time --window -0.5 1.5 --bin-ms 40 --trials "id < 420" \
			--units 50 --execution-input --iterations 120 --rank 1,3,8 --folds 2 --seeds 1 \
			--baselines psth,neighbouring_trials,constant_factors --out demo/cv-rat --overwrite; \
	else echo "$(RAT) is not here: skipped"; fi

test: $(STAMP)  ## run all tests, two at a time, examples in docstrings and the cheapest claims of the papers included
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -p tests.type_checker --doctest-modules $(filter-out tests,$(FOLDERS))
	OMP_NUM_THREADS=1 $(BIN)/ltr validate --all --smoke --again --quiet --out build/validation

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
