# Every target does its own set-up in .venv; Python 3.11 or 3.12 is all that must be there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test lint ui clean

demo: $(READY)  ## render the demonstration clip, run the graph on it, say how it scored
	$(BIN)/videotracks demo

test: $(READY)  ## all tests
	$(BIN)/python -m pytest

lint: $(READY)  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

ui: $(READY)  ## the Dagster UI
	$(BIN)/videotracks ui

# torch first: the build of sam2 wants it, and would bring another one in an isolated build.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt torch 'setuptools>=77' wheel
	SAM2_BUILD_CUDA=0 $(BIN)/python -m pip install -q --no-build-isolation -c constraints.txt -e '.[dev]'
	touch $@

clean:  ## remove the virtual environment; data stays
	rm -rf $(VENV)
