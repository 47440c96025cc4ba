# Two commands matter: `make demo` tells the whole story, `make test` proves it.
PYTHON ?= python3
UV_VERSION := 0.13.9
BIN := .venv/bin
READY := .venv/.ready

# Every step of a pipeline is a process that imports anew: it must find compiled modules.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo up test check bench lock clean

help:  ## what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip sync --quiet --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --no-deps --editable .
	touch $@

demo: $(READY)  ## the whole loop, told once, on a synthetic company (or DATA=dir MAPPING=name)
	$(BIN)/finloop demo $(if $(DATA),--data $(DATA)) $(if $(MAPPING),--mapping $(MAPPING))

up: $(READY)  ## the MLflow UI, the Evidently UI and the services, until Ctrl-C
	$(BIN)/finloop up

test: $(READY)  ## all tests, the whole story among them
	$(BIN)/pytest -n 2 --dist loadfile

check: $(READY)  ## ruff, pyright and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

bench: $(READY)  ## every measured claim, as JSON
	$(BIN)/finloop bench features --json
	$(BIN)/finloop bench handbook --json $(if $(DATA),--data $(DATA))
	$(BIN)/finloop bench sequence --json
	$(BIN)/finloop bench parity --json $(if $(DATA),--data $(DATA))
	$(BIN)/finloop bench lists --json
	$(BIN)/finloop bench answers --json
	$(BIN)/finloop bench serving --json

lock: $(READY)  ## resolve the ranges of pyproject.toml anew
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 \
		--generate-hashes --no-header --upgrade --quiet --output-file requirements.lock

clean:  ## forget everything the embedded profile has written
	rm -rf .finloop
