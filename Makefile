# Everything happens in a virtual environment beside this file; nothing of the system is changed.
VENV ?= .venv
BIN := $(VENV)/bin

# A ROS 2 installation that is sourced in the calling shell must not shine through into the environment.
unexport AMENT_PREFIX_PATH CMAKE_PREFIX_PATH LD_LIBRARY_PATH PYTHONHOME PYTHONPATH _ROS_WHEELS_BOOTSTRAP_COMPLETE
# The nodes of the demo and of the tests talk to one another, not to a vehicle on the same network.
export ROS_AUTOMATIC_DISCOVERY_RANGE ?= LOCALHOST

INSTALLED := $(VENV)/.installed
SHARED := $(VENV)/.shared
COMPILED_SOURCES := pyproject.toml setup.py CMakeLists.txt package.xml $(wildcard cmake/* msg/*.msg srv/*.srv)
SHARED_SOURCES := $(wildcard config/* demo/* launch/* rviz/*)

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-learning test-rtx gpu-check encoders bench lint format train default-model held-out calibrate clean

help:  ## Show this list.
	@sed -nE 's/^([a-z-]+):.*  ## /  make \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 24

venv: $(SHARED)  ## Make the virtual environment with the package in it (the other targets do it by themselves).

demo: $(SHARED)  ## Build a map of a KITTI drive and localize its images on it; see out/demo.
	$(BIN)/liploc demo --out out/demo

test: $(SHARED)  ## Run the tests.
	$(BIN)/python -m pytest -q --timeout 300 test

test-learning: $(VENV)/.train $(SHARED)  ## Run the tests of training, which need torch (installs it).
	$(BIN)/python -m pytest -q --timeout 300 test/learning test/benchmark

test-rtx: $(VENV)/.rtx $(SHARED)  ## Build TensorRT-RTX engines for every GPU there is, without one (installs it).
	$(BIN)/python -m pytest -q --timeout 300 test/encoders/test_rtx.py test/encoders/test_engines.py

gpu-check: $(VENV)/.rtx $(VENV)/.train $(SHARED)  ## On a machine with an NVIDIA GPU: check and time every backend; writes into docs/gpu.md.
	$(BIN)/python -m benchmarks.gpu_check $(ARGS)

encoders: $(VENV)/.train $(VENV)/.openvino $(SHARED)  ## Time encoders on the CPU, ONNX Runtime against OpenVINO; see out/encoders.json.
	$(BIN)/python -m benchmarks.encoders

bench: $(SHARED)  ## Time the slow parts against the reference algorithms; see out/bench.json.
	$(BIN)/python -m benchmarks.run --out out/bench.json

lint: $(SHARED)  ## Check format, style, types and the direction of imports.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	MYPYPATH=$(VENV)/stubs $(BIN)/mypy
	$(BIN)/lint-imports

format: $(SHARED)  ## Format the code and mend what ruff can mend.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

train: $(VENV)/.train $(SHARED)  ## Train the default model (installs torch; ARGS='...' are passed on).
	$(BIN)/liploc train $(ARGS)

# As many as take as long as the aligned views' recipe.
LIPLOC_STEPS ?= 250

# The acceptance cannot be set on drives that were trained on: a first model holds one out, the default takes its over.
KITTI_DAY = $(KITTI)/2011_09_26/2011_09_26_drive
SINGLES = $(foreach split,training testing unknown_split,--singles $(KITTI)/object/$(split))
DEFAULT_MODEL ?= liploc_ros/models/default
DRIVES = 0001 0005 0013
default-model: $(VENV)/.train $(SHARED)  ## Train the default model from nothing: KITTI=FOLDER, and TRUNK=FILE or a download.
	@test -d '$(KITTI)/2011_09_26' || { echo 'KITTI=$(KITTI): no folder 2011_09_26 there: give the folder of KITTI'; exit 1; }
	$(BIN)/liploc train aligned --drive $(KITTI_DAY)_0001_sync --drive $(KITTI_DAY)_0005_sync $(SINGLES) \
	  --held-out $(KITTI_DAY)_0013_sync $(if $(TRUNK),--trunk '$(TRUNK)') --out out/held_out_0013 $(ARGS)
	$(BIN)/liploc train aligned --drive $(KITTI_DAY)_0001_sync --drive $(KITTI_DAY)_0005_sync \
	  --drive $(KITTI_DAY)_0013_sync $(SINGLES) --acceptance out/held_out_0013 $(if $(TRUNK),--trunk '$(TRUNK)') \
	  --out $(DEFAULT_MODEL) --run-folder out/runs/default $(ARGS)

held-out: $(VENV)/.train $(SHARED)  ## Train and measure with each drive held out: KITTI=FOLDER, and TRUNK=FILE or a download.
	@test -d '$(KITTI)/2011_09_26' || { echo 'KITTI=$(KITTI): no folder 2011_09_26 there: give the folder of KITTI'; exit 1; }
	set -e; for drive in $(DRIVES); do \
	  others=$$(for other in $(DRIVES); do test $$other = $$drive || echo "--drive $(KITTI_DAY)_$${other}_sync"; done); \
	  $(BIN)/liploc train aligned $$others $(SINGLES) $(if $(TRUNK),--trunk '$(TRUNK)') --out out/held_out/aligned_$$drive $(ARGS); \
	  $(BIN)/liploc train liploc_efficientnet --set headings=3 --steps $(LIPLOC_STEPS) $$others $(SINGLES) \
	    $(if $(TRUNK),--trunk '$(TRUNK)') --out out/held_out/liploc_$$drive $(ARGS); \
	  for recipe in aligned liploc; do \
	    $(BIN)/liploc evaluate $(KITTI_DAY)_$${drive}_sync --protocol gap-8 --gaps '0 3 5 8 12' --places frames \
	      --model out/held_out/$${recipe}_$$drive --out out/evaluation/$${recipe}_$$drive; \
	    $(BIN)/liploc evaluate $(KITTI_DAY)_$${drive}_sync --protocol same-frame \
	      --model out/held_out/$${recipe}_$$drive --out out/evaluation/same_frame_$${recipe}_$$drive; \
	  done; \
	done
	$(BIN)/python -m benchmarks.held_out

# Each held-out model takes what the trials of the two others say of it; the default model takes what all three say.
ELSEWHERE = $(subst --singles,--elsewhere,$(SINGLES))
calibrate: $(SHARED)  ## Fit the default model's acceptance on the trials of the three held-out models (after held-out; KITTI=FOLDER).
	set -e; for drive in $(DRIVES); do \
	  others=$$(for other in $(DRIVES); do test $$other = $$drive || echo "--elsewhere $(KITTI_DAY)_$${other}_sync"; done); \
	  $(BIN)/liploc evaluate $(KITTI_DAY)_$${drive}_sync --model out/held_out/aligned_$$drive $$others $(ELSEWHERE) \
	    --calibrate out/calibration/$$drive/own.json --out out/calibration/$$drive; \
	done; \
	for drive in $(DRIVES) default; do \
	  trials=$$(for other in $(DRIVES); do test $$other = $$drive || echo "--trials out/calibration/$$other/trials.npz"; done); \
	  model=$$(test $$drive = default && echo '$(DEFAULT_MODEL)' || echo out/held_out/aligned_$$drive); \
	  $(BIN)/liploc evaluate $(KITTI) --fit-only $$trials --calibrate $$model; \
	done

clean:  ## Remove all that the other targets made.
	rm -rf $(VENV) build out *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	rm -rf liploc_ros/msg liploc_ros/srv liploc_ros/*.so
	find . -name __pycache__ -prune -exec rm -rf {} +

# An editable install: an edited module counts at once. What is compiled is installed anew when its source changed.
$(INSTALLED): $(COMPILED_SOURCES)
	@sh .ci/make_venv $(VENV) '$(PYTHON)'
	@echo 'Installing liploc_ros and what it needs into $(VENV) (a minute or two) ...'
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[dev]'
	@sh .ci/install_stubs $(VENV)
	@touch $@

# pip copied these; an edited one is copied again.
$(SHARED): $(INSTALLED) $(SHARED_SOURCES)
	@mkdir -p $(VENV)/share/liploc_ros
	@cp -R config demo launch rviz $(VENV)/share/liploc_ros/
	@touch $@

$(VENV)/.train: $(INSTALLED)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[train]'
	@touch $@

$(VENV)/.rtx: $(INSTALLED)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[rtx]'
	@touch $@

$(VENV)/.openvino: $(INSTALLED)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check 'openvino>=2025.0'
	@touch $@
