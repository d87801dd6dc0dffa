# demo: open the window on the demo dataset     test: all tests, offscreen     lint: ruff and mypy
# bench: speed and memory, to build/bench.json  pictures: each pane, both themes, to build/pictures
#        (ten million pairs, ten minutes or more: .venv/bin/python -m tests.bench ten)
PYTHON ?= python3
BIN := .venv/bin
INSTALL = $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt --editable

define MAKE_VENV
test -x $(BIN)/pip || { $(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else \
    "This needs Python 3.11 or newer; name one: make PYTHON=python3.12 …")' && $(PYTHON) -m venv .venv; }
endef

.PHONY: demo test lint bench pictures clean

demo: .venv/.installed
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || [ "$$(uname)" = Darwin ]; then \
	    exec $(BIN)/rmexplorer demo; \
	else \
	    echo "There is no display here: the demo runs without one and writes a picture of each pane to build/demo/."; \
	    exec $(BIN)/rmexplorer demo --offscreen build/demo; \
	fi

test: .venv/.installed-test
	QT_QPA_PLATFORM=offscreen $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder \
	    $(PYTEST_FLAGS)

lint: .venv/.installed-test
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: .venv/.installed-test
	$(BIN)/python -m tests.bench

pictures: .venv/.installed-test
	QT_QPA_PLATFORM=offscreen $(BIN)/python -m tests.pictures build/pictures

clean:
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .venv
	find rmexplorer tests -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.installed: pyproject.toml constraints.txt
	@$(MAKE_VENV)
	@echo "Installing into .venv (once; some minutes on a slow line) …"
	@$(INSTALL) .
	@touch $@

.venv/.installed-test: pyproject.toml constraints.txt
	@$(MAKE_VENV)
	@echo "Installing into .venv, with what tests and lint need (once; some minutes on a slow line) …"
	@$(INSTALL) '.[test,lint]'
	@touch .venv/.installed $@
