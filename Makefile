PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# setuptools warns about every editable install; most of what is installed is never imported, and
# Python compiles what is
INSTALL = PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --no-compile

.PHONY: demo test docs lint clean

demo: $(VENV)/installed
	$(BIN)/tftrain train

test: $(VENV)/installed-test
	$(BIN)/python -m pytest -n auto

docs: $(VENV)/installed-docs
	$(BIN)/python -m sphinx -W --keep-going --quiet -d build/doctrees -c docs . build/docs
	@echo build/docs/index.html

lint: $(VENV)/installed-dev
	$(BIN)/pre-commit run --all-files

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --upgrade pip

$(VENV)/installed: $(BIN)/python setup.cfg
	$(INSTALL) --editable .
	touch $@

$(VENV)/installed-%: $(BIN)/python setup.cfg
	$(INSTALL) --editable '.[$*]'
	touch $@ $(VENV)/installed

clean:
	rm -rf $(VENV) build dist *.egg-info
