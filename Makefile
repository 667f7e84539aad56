# Each of `make demo` and `make test` works as the only command, with nothing but Python (3.11 to 3.13) and make.

VENV   ?= .venv
BIN    := $(VENV)/bin
# Any torch from 2.6 on works. This one is what the tests run with; TORCH_INDEX=ADDRESS takes it from another
# index than pip's own, for example PyTorch's for CPUs (docs/index.md, "Install").
TORCH  ?= torch==2.13.0
# The Python that the new environment is made of: the first of these that runs and is new enough.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && { echo "$$p"; break; }; done)
READY  := $(VENV)/.ready
PIP    := $(BIN)/python -m pip --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest
DATA   ?= ../shared/data

.PHONY: help demo test test-fast test-cluster check coverage bench bench-mini pictures pictures-mini docs figures train train-mini train-mini-gpu soak fuzz lock clean

help:
	@echo "make demo       the whole tour on the clip in examples/; results in demo/"
	@echo "make test       all tests            make test-fast   those that take under a minute together"
	@echo "make check      ruff and mypy        make bench       docs/benchmarks.md, on $(DATA)/heldout or examples/"
	@echo "make docs       the site of docs/ in site/   make figures   tables of README and model cards from measurements"
	@echo "make train      weights/elastictok-nano.safetensors from $(DATA); make train-mini   goes on with elastictok-mini"
	@echo "make soak       what takes an hour: every byte damaged, 100 kills, an hour of video; make fuzz: a million inputs"

$(READY): pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11, 3.12 or 3.13 found; make PYTHON=/path/to/python" >&2; exit 1; }
	@echo "setting up $(VENV) with $$($(PYTHON) --version) (once; downloads about 500 MB)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX) )"$(TORCH)"
	$(PIP) install --quiet -e ".[dev]"
	@touch $@

demo: $(READY)
	$(BIN)/elastictok demo -o demo $(ARGS)

test: $(READY)
	$(PYTEST) $(ARGS)

test-fast: $(READY)
	$(PYTEST) -m "not slow" $(ARGS)

# aiobotocore is what s3fs needs: named, or pip finds no version of it that goes with moto's.
test-cluster: $(READY)
	$(PIP) install --quiet -e ".[ray,remote]" "aiobotocore>=3" "moto[server,s3]>=5"
	$(PYTEST) tests/cluster $(ARGS)

check: $(READY)
	$(BIN)/ruff format --check src tests weights examples
	$(BIN)/ruff check src tests weights examples
	$(BIN)/mypy

# The whole suite with coverage of src/; the figure goes into CONTRIBUTING.md. About twice the time of `make test`.
coverage: $(READY)
	$(PIP) install --quiet "coverage>=7.6"
	$(BIN)/python -m coverage run --source src/elastictok_cli -m pytest $(ARGS)
	$(BIN)/python -m coverage report --skip-covered --sort cover

# The site. Fails at a dead link or anchor, and at a file that a page includes and that is not there.
docs: $(READY)
	$(PIP) install --quiet -e ".[docs]"
	$(BIN)/zensical build --clean --strict

# Tables of README and model cards, from what `make bench` measured.
figures: $(READY)
	$(BIN)/python weights/recipe/figures.py

# Goes on where it was stopped: each measurement is kept in results/work. The page and its figures, none of which shows a
# frame of a clip, become those of docs/.
# $(1): where results are kept, $(2): where the page goes, $(3): options.
define measure
	$(BIN)/elastictok bench $(if $(wildcard $(DATA)/heldout),$(DATA)/heldout,examples/demo.mp4) $(3) --output $(1) $(ARGS)
	@mkdir -p $(2)/benchmarks
	sed 's| (with sortable tables: \[report.html\](report.html))||' $(1)/benchmarks.md > $(2)/benchmarks.md
	cp $(1)/benchmarks/*.json $(1)/benchmarks/*.csv $(1)/benchmarks/*.svg $(2)/benchmarks/
	$(BIN)/python weights/recipe/figures.py
endef

bench: $(READY)
	$(call measure,results,docs)

# The same of elastictok-mini, shorter.
MINI := --model elastictok-mini --thresholds 0.015,0.007,0.003 --figure-threshold 0.015 --duration 0.6 --stills 1 --codecs x264
bench-mini: $(READY)
	$(call measure,results-mini,docs/mini,$(MINI))

# The pictures of the README, of the clip in examples/.
pictures: $(READY)
	@mkdir -p demo docs/pictures
	$(BIN)/elastictok encode examples/demo.mp4 -o demo/demo.etok --threshold 0.007 -f
	$(BIN)/elastictok encode examples/demo.mp4 -o demo/fine.etok --threshold 0.001 -f
	$(BIN)/elastictok compare examples/demo.mp4 demo/demo.etok demo/fine.etok -o docs/pictures/compare.png --rows 1 --height 200 -f
	$(BIN)/elastictok stats demo/demo.etok --source examples/demo.mp4 --plot docs/pictures/tokens.png -f

# The same clip with the paper's own method, a strict threshold beside a loose one: minutes.
pictures-mini: $(READY)
	@mkdir -p demo
	for t in 0.015 0.03; do $(BIN)/elastictok encode examples/demo.mp4 -o demo/mini-$$t.etok --model elastictok-mini --threshold $$t -f; done
	$(BIN)/elastictok compare examples/demo.mp4 demo/mini-0.015.etok demo/mini-0.03.etok -o docs/pictures/mini.mp4 --height 200 --crf 30 --no-audio -f
	$(BIN)/elastictok compare examples/demo.mp4 demo/mini-0.015.etok demo/mini-0.03.etok -o docs/pictures/mini.png --height 200 --rows 2 -f

train: $(READY)
	$(BIN)/python weights/recipe/train.py $(DATA) $(ARGS)

# Goes on where it was stopped; runs/mini keeps the decoded frames (6.6 GB), checkpoint and log.
train-mini: $(READY)
	test -e runs/mini/frames/index.json || $(BIN)/python weights/recipe/packed.py $(DATA) --out runs/mini/frames
	$(BIN)/python weights/recipe/train_mini.py --work runs/mini --hours $(or $(HOURS),8) $(ARGS)
	$(BIN)/python weights/recipe/export_mini.py --work runs/mini

# The larger model on a GPU, MINUTES of training in all (25); call it again to go on. weights/recipe/README.md
MINI_GPU := --work runs/mini-gpu --large --device cuda --fast --step-blocks 128 --matrix-rate 0.02 --other-rate 0.001 --warm-steps 100 \
	--slow-from 6000 --whole-steps 800 --single-steps 1500 --end-step 5000 --fall-share 0.5 --save-minutes 1 --check-minutes 4
train-mini-gpu: $(READY)
	test -e runs/mini-gpu/frames/index.json || $(BIN)/python weights/recipe/packed.py $(or $(wildcard runs/gpu-data),$(DATA)) --out runs/mini-gpu/frames
	$(BIN)/python weights/recipe/train_mini.py $(MINI_GPU) --clock-minutes $(or $(MINUTES),25) $(ARGS)
	$(BIN)/python weights/recipe/export_mini.py --work runs/mini-gpu --out runs/mini-gpu/elastictok-mini.safetensors

soak: $(READY)
	cd tests && $(abspath $(BIN))/python -m pytest -q --soak reliability hostile fuzz
	cd tests && $(abspath $(BIN))/python -m soak.interrupt --kills 100
	cd tests && $(abspath $(BIN))/python -m soak.memory ../examples/demo.mp4 --minutes 60 $(ARGS)

fuzz: $(READY)
	cd tests && $(abspath $(BIN))/python -m fuzz.run --inputs 1000000 $(ARGS)
	cd tests && $(abspath $(BIN))/python -m fuzz.video --inputs 20000 $(ARGS)

# The versions of this environment, hashed. uv is fetched for it.
lock: $(READY)
	$(PIP) install --quiet uv
	$(PIP) freeze --exclude-editable | grep == | sed 's/+cpu//' > $(VENV)/versions.txt
	grep '^#' requirements-dev.lock > $(VENV)/lock.txt
	$(BIN)/uv pip compile pyproject.toml --extra dev --extra hub --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-annotate --no-header -q -c $(VENV)/versions.txt >> $(VENV)/lock.txt
	mv $(VENV)/lock.txt requirements-dev.lock && rm $(VENV)/versions.txt

clean:
	rm -rf $(VENV) demo dist build site
