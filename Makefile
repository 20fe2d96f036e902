# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

# All targets use a virtual environment in this folder. Nothing is installed on the system.
VENV ?= .venv
BIN := $(VENV)/bin
JAZZY_VENV ?= .venv-jazzy
VIT := $(VENV)/share/vit

# Keep a ROS 2 installation that is sourced in the calling shell out of the environment.
unexport AMENT_PREFIX_PATH CMAKE_PREFIX_PATH LD_LIBRARY_PATH PYTHONHOME PYTHONPATH _ROS_WHEELS_BOOTSTRAP_COMPLETE
# Nodes of the demo and of the tests must not reach a vehicle on the same network.
export ROS_AUTOMATIC_DISCOVERY_RANGE ?= LOCALHOST

INSTALLED := $(VENV)/.installed
SHARED := $(VENV)/.shared
COMPILED_SOURCES := pyproject.toml setup.py CMakeLists.txt package.xml $(wildcard cmake/* msg/*.msg srv/*.srv)
SHARED_SOURCES := $(wildcard config/* demo/* foxglove/* launch/* rviz/*)
MODULES := $(shell find liploc_ros -type f -not -path 'liploc_ros/msg/*' -not -path 'liploc_ros/srv/*' -not -name '*.pyc' -not -name '*.so')

DEMO_BAG := demo/kitti_0013_excerpt.mcap

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-fast test-jazzy test-learning test-rtx test-view view-pictures gpu-check nvidia-driver encoders bench figures lint format train default-model held-out off-the-line calibrate docs clean

help:  ## Show this list.
	@sed -nE 's/^([a-z-]+):.*  ## /  make \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 24

venv: $(SHARED)  ## Create the virtual environment and install the package (the other targets do this too).

demo: $(if $(VIEW),$(VENV)/.view) $(SHARED)  ## Build a map of a KITTI drive and localize its images on it; writes out/demo. VIEW=1 opens it in the browser.
	$(BIN)/liploc demo --out out/demo
	$(if $(VIEW),$(BIN)/liploc view out/demo/map $(DEMO_BAG) $(ARGS))

test: $(SHARED)  ## Run all tests.
	$(BIN)/python -m pytest -q --timeout 300 test

test-fast: $(SHARED)  ## Run the tests that take less than about a second each.
	$(BIN)/python -m pytest -q --timeout 60 -m 'not slow' test

# Not in the source tree: its generated messages are those of Kilted.
test-jazzy: $(JAZZY_VENV)/.installed  ## Run the tests with ROS 2 Jazzy and the oldest libraries that are supported (Ubuntu 24.04).
	cd $(JAZZY_VENV) && bin/pytest -q --timeout 300 -p no:cacheprovider -c '$(CURDIR)/pyproject.toml' --rootdir '$(CURDIR)' '$(CURDIR)/test'

test-learning: $(VENV)/.train $(SHARED)  ## Run the tests of training (installs torch).
	$(BIN)/python -m pytest -q --timeout 300 test/learning test/benchmark

test-view: $(VENV)/.view $(SHARED)  ## Run the tests of `liploc view` in headless Chromium (installs viser; needs chromium).
	$(BIN)/python -m pytest -q --timeout 300 test/view

view-pictures: $(VENV)/.view $(SHARED)  ## Write the screenshots of docs/view.md into docs/images (needs chromium; OUT=FOLDER elsewhere).
	PYTHONPATH=test $(BIN)/python -m support.view_pictures $(or $(OUT),docs/images)

# The newest and the oldest supported libraries. Only the newest environment has torch, which writes the bundle VIT.
RTX_TESTS = $(addprefix $(CURDIR)/test/encoders/,test_rtx.py test_engines.py)
test-rtx: export LIPLOC_VIT = $(abspath $(VIT))
test-rtx: $(VENV)/.rtx $(JAZZY_VENV)/.rtx $(VIT)/model.json  ## Build TensorRT-RTX engines for all GPU types; needs no GPU (installs TensorRT-RTX).
	$(BIN)/python -m pytest -q --timeout 300 $(RTX_TESTS)
	cd $(JAZZY_VENV) && bin/pytest -q --timeout 300 -p no:cacheprovider -c '$(CURDIR)/pyproject.toml' --rootdir '$(CURDIR)' $(RTX_TESTS)

# ARGS=--cpu runs the parts that need no GPU, and installs only what they need.
gpu-check: $(if $(findstring --cpu,$(ARGS)),$(VENV)/.train,nvidia-driver $(VENV)/.gpu) $(SHARED)  ## Check and time what runs on an NVIDIA GPU, in 6 minutes; writes docs/gpu.md.
	$(BIN)/python -m benchmarks.gpu $(ARGS)

nvidia-driver: $(INSTALLED)
	@$(BIN)/python -m benchmarks.gpu.driver

encoders: $(VENV)/.train $(VENV)/.openvino $(SHARED)  ## Compare ONNX Runtime with OpenVINO on the CPU; writes out/encoders.json.
	$(BIN)/python -m benchmarks.encoders

bench: $(SHARED)  ## Compare the time-critical steps with reference algorithms; writes out/bench.json.
	$(BIN)/python -m benchmarks.run --out out/bench.json

figures: $(SHARED)  ## Draw the pictures of README and docs from the demo recording; writes docs/images and docs/concepts.
	MPLBACKEND=Agg $(BIN)/python -m benchmarks.figures $(ARGS)
	$(if $(ARGS),,MPLBACKEND=Agg $(BIN)/python -m website.figures)

lint: $(SHARED)  ## Check format, style, types and import directions.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	MYPYPATH=$(VENV)/stubs $(BIN)/mypy
	$(BIN)/lint-imports

format: $(SHARED)  ## Format the code and apply ruff's automatic fixes.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

train: $(VENV)/.train $(SHARED)  ## Train the default model (installs torch; passes ARGS='...' on).
	$(BIN)/liploc train $(ARGS)

# Of KITTI raw data. ARGS passes arguments on to liploc train.
ON_KITTI = --kitti '$(KITTI)'
WITH_TRUNK = $(if $(TRUNK),--trunk '$(TRUNK)') $(if $(ARGS),-- $(ARGS))
default-model: $(VENV)/.train $(SHARED)  ## Train the default model from scratch: KITTI=FOLDER, optionally TRUNK=FILE.
	$(BIN)/python -m benchmarks.held_out.default_model $(ON_KITTI) $(if $(DEFAULT_MODEL),--out '$(DEFAULT_MODEL)') $(WITH_TRUNK)

held-out: $(VENV)/.train $(SHARED)  ## Train and evaluate with each drive held out: KITTI=FOLDER, optionally TRUNK=FILE.
	$(BIN)/python -m benchmarks.held_out.run $(ON_KITTI) $(if $(LIPLOC_STEPS),--liploc-steps $(LIPLOC_STEPS)) $(WITH_TRUNK)

off-the-line: $(SHARED)  ## Evaluate the held-out models in other lanes, with fewer beams and other cameras: KITTI=FOLDER.
	$(BIN)/python -m benchmarks.held_out.off_the_line $(ON_KITTI)

calibrate: $(SHARED)  ## Fit the confidence models of the held-out models and the default model (after held-out; KITTI=FOLDER).
	$(BIN)/python -m benchmarks.held_out.calibrate $(ON_KITTI) $(if $(DEFAULT_MODEL),--default-model '$(DEFAULT_MODEL)')

# Not --quiet: with it, warnings do not count for --strict.
docs: $(VENV)/.docs $(SHARED)  ## Build the documentation site; writes out/site.
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	$(BIN)/python -m website.check_site out/site

clean:  ## Remove everything that the other targets created.
	rm -rf $(VENV) $(JAZZY_VENV) build out *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	rm -rf liploc_ros/msg liploc_ros/srv liploc_ros/*.so
	find . -name __pycache__ -prune -exec rm -rf {} +

# An editable install: edited modules take effect at once. Changes of compiled parts trigger a new installation.
$(INSTALLED): $(COMPILED_SOURCES)
	@sh .ci/make_venv $(VENV) '$(PYTHON)'
	@echo 'Installing liploc_ros and its dependencies into $(VENV) (one or two minutes) ...'
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[dev]'
	@sh .ci/install_stubs $(VENV)
	@touch $@

# pip copied these files. Copy them again after they were edited.
$(SHARED): $(INSTALLED) $(SHARED_SOURCES)
	@mkdir -p $(VENV)/share/liploc_ros
	@cp -R config demo foxglove launch rviz $(VENV)/share/liploc_ros/
	@touch $@

$(JAZZY_VENV)/.installed: $(INSTALLED) $(COMPILED_SOURCES) $(SHARED_SOURCES) $(MODULES) $(wildcard .ci/*jazzy*)
	@echo 'Installing liploc_ros with ROS 2 Jazzy into $(JAZZY_VENV) (one or two minutes) ...'
	@sh .ci/make_jazzy_venv $(JAZZY_VENV) '$(PYTHON)'
	@touch $@

$(VENV)/.train: $(INSTALLED)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[train]'
	@touch $@

$(VENV)/.view: $(INSTALLED)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[view]'
	@touch $@

$(VENV)/.docs: $(INSTALLED)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[docs]'
	@touch $@

$(VENV)/.rtx: $(INSTALLED)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[rtx]'
	@touch $@

$(JAZZY_VENV)/.rtx: $(JAZZY_VENV)/.installed
	@$(JAZZY_VENV)/bin/python -m pip install -qq --disable-pip-version-check -c .ci/jazzy_constraints.txt tensorrt-rtx-cu12 cuda-bindings
	@touch $@

# The bundle of the recipe liploc, with random weights.
$(VIT)/model.json: $(VENV)/.train $(SHARED) $(MODULES)
	@$(BIN)/python -m benchmarks.random_models $(VIT)

# onnxruntime-gpu replaces onnxruntime: both install the module onnxruntime.
$(VENV)/.gpu: $(VENV)/.train $(VENV)/.rtx
	@echo 'Installing onnxruntime-gpu in place of onnxruntime into $(VENV) (some minutes) ...'
	@$(BIN)/python -m pip uninstall -qq -y onnxruntime
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --force-reinstall --no-deps onnxruntime-gpu
	@$(BIN)/python -m pip install -qq --disable-pip-version-check 'onnxruntime-gpu[cuda,cudnn]' nvidia-ml-py
	@touch $@

$(VENV)/.openvino: $(INSTALLED)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check 'openvino>=2025.0'
	@touch $@
