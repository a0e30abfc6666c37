# Two commands, each doing all its set-up: `make rehearse` and `make test`. Logic lives in the package, not here.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: rehearse test test-all bench docs lines clean

rehearse: $(VENV)/.installed
	$(BIN)/kft run humanoid_05 --rehearse --fetch

test: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

# The same with the long forms: many more random examples and kills, all six experiments reproduced by the real trainer.
test-all: $(VENV)/.installed
	$(BIN)/python -m pytest --long

bench: $(VENV)/.installed
	$(BIN)/python -m pytest tests/bench -m bench -s

# The pages of docs/ that come from the program; a test says whether they are current.
docs: $(VENV)/.installed
	$(BIN)/python -m tests.docs docs

# The house in numbers: lines by room, modules, the longest, imports that lead upwards.
lines:
	@$(PYTHON) -m tests.house

# One environment for kft, the trainer and the tests: the pins agree. Made again when the requirements change.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[train,test]"
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache *.egg-info
