# The one door: everybody, CI included, calls only these.
#   make demo                                   the lifecycle over a generated feed
#   make demo SOURCE=ebnerd DATA=path/to/train  the same over a real log
#   make test | check | bench | faults | docs | reference | setup | lock

SHELL := /bin/bash
PYTHON ?= python3.11
PY := .venv/bin/python
PACKAGES := sluice flows registry monitors serving
STAMP := .venv/.installed
DATA ?=
SOURCE ?= feed
WORKERS ?= 2
export OMP_WAIT_POLICY := PASSIVE

.PHONY: setup demo test check bench faults docs reference lock format clean

setup: $(STAMP)

# pip fetches only uv, hash-checked like all the rest; uv installs in seconds what pip takes minutes for.
# Bytecode is compiled here, and the feature kernel by its first run: else every start pays for both.
$(STAMP): requirements.lock requirements-uv.lock pyproject.toml
	test -x $(PY) || $(PYTHON) -m venv .venv || python3 -m venv .venv
	$(PY) -c 'import sys; v = sys.version_info; sys.exit(not (3, 11) <= v[:2] < (3, 13) and f"Python {v.major}.{v.minor}: Sluice needs 3.11 or 3.12; name one with make PYTHON=python3.11 setup")'
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock
	$(PY) -m uv pip install --quiet --python $(PY) --require-hashes --compile-bytecode -r requirements.lock
	$(PY) -m uv pip install --quiet --python $(PY) --no-deps --no-build-isolation --compile-bytecode --editable .
	$(PY) -m compileall -q $(PACKAGES)
	touch $(STAMP)

demo: $(STAMP)
	@$(PY) -m sluice demo --source "$(SOURCE)" $(if $(DATA),--data "$(DATA)")

# A file stays with one worker: its installation lives on from test to test. The long files come first.
test: $(STAMP)
	$(PY) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

check: $(STAMP)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m basedpyright
	.venv/bin/lint-imports
	$(PY) -m tools.filler_names
	$(PY) -m tools.reference --check

format: $(STAMP)
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

bench: $(STAMP)
	@for name in features alike evaluation offpolicy rankers mechanisms gates promotion lifecycle quality served serving; do \
	  echo "== benchmarks.$$name"; $(PY) -m benchmarks.$$name || exit 1; done

# What survives being killed, raced and stopped, on both databases, and the mutants that must not.
faults: $(STAMP)
	@$(PY) -m tests.faults

# The pages under docs/reference, written from click, pydantic, OpenAPI and docstrings; `check` holds them current.
reference: $(STAMP)
	$(PY) -m tools.reference

# The documentation as a site under site/, without a network; a broken link or anchor fails.
docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict

# No index address may enter a lock file.
lock: $(STAMP)
	$(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	  --no-header --no-emit-index-url --no-emit-find-links pyproject.toml --extra platform \
	  --group test --group bench --group lint --group docs --group build -o requirements.lock
	sed -n '/^uv==/,/^[^ ]/p' requirements.lock | sed '$$d' > requirements-uv.lock

clean:
	rm -rf .sluice site .pytest_cache .ruff_cache .import_linter_cache .hypothesis
