# Each target sets up all that it needs: a virtual environment in .venv, made with $(PYTHON) (3.11 or newer).

PYTHON ?= python3
BIN = .venv/bin
INSTALL = $(BIN)/python -m pip install --quiet --constraint envs/constraints.txt --editable
SNAKEMAKE = $(BIN)/snakemake --profile workflow/profiles/local

.PHONY: help demo test test-slurm lint benchmark clean

help:
	@echo "make demo      a small study on a synthetic planet, from raw files to report (results/demo/report.html)"
	@echo "make test      the tests, but those on a Slurm cluster"
	@echo "make test-slurm those, on a cluster that they start on this machine (Debian's slurm-wlm and munge)"
	@echo "make lint      format, lint and types"
	@echo "make benchmark how long training and regridding take here (results/benchmarks/*.csv);"
	@echo "               with REFERENCE=PATH, a checkout of the published code, beside that"
	@echo "make clean     remove the virtual environment (results stay)"

demo: .venv/run
	$(BIN)/python -m differland planet data/planet
	$(SNAKEMAKE) --configfile config/demo.yaml --report results/demo/report.html --report-after-run
	@echo "The report: results/demo/report.html"

test: .venv/test
	$(BIN)/python -m pytest -m "not slurm" --numprocesses auto --dist loadfile --no-loadscope-reorder --durations 20

test-slurm: .venv/test
	$(BIN)/python -m pytest -m slurm tests/test_slurm*.py --numprocesses 2 --dist loadfile --durations 10

lint: .venv/test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/snakefmt --check Snakefile workflow/Snakefile workflow/rules
	$(BIN)/mypy
	$(BIN)/snakemake --lint --configfile config/demo.yaml

benchmark: .venv/test
	mkdir -p results/benchmarks
	$(BIN)/python benchmarks/training.py results/benchmarks/training.csv $(if $(REFERENCE),--reference $(REFERENCE))
	$(BIN)/python benchmarks/regrid.py results/benchmarks/regrid.csv
	$(BIN)/python benchmarks/attribution.py results/benchmarks/attribution.csv

clean:
	rm -rf .venv

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "DifferLand needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv .venv

.venv/run: .venv/bin/python pyproject.toml envs/constraints.txt
	$(INSTALL) '.[workflow]'
	touch $@

.venv/test: .venv/bin/python pyproject.toml envs/constraints.txt
	$(INSTALL) '.[workflow,test]'
	touch $@
