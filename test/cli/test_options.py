# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Options repeat the choices and defaults of the library, because the command line must not import it to show them."""

from typing import get_args

import pytest
from typer.testing import CliRunner

from liploc_ros.cli import evaluate, main, options
from liploc_ros.cli.map.build import KEYFRAME_SPACING, KEYFRAME_TURNING, TILE_LENGTH
from liploc_ros.encoders import Backend, Precision
from liploc_ros.encoders.tensorrt.flavour import FlavourName
from liploc_ros.evaluation import EvaluationOptions
from liploc_ros.mapping import MapConfig

VERBS = [
    "benchmark",
    "calibrate",
    "calibrate-mount",
    "demo",
    "doctor",
    "engine",
    "evaluate",
    "export",
    "fit-coding",
    "kitti",
    "localize",
    "map",
    "play",
    "train",
    "view",
]


def test_choices_are_those_of_the_library():
    assert get_args(options.Backend) == get_args(Backend)
    assert get_args(options.Precision) == get_args(Precision)
    assert get_args(options.Flavour) == get_args(FlavourName)


def test_defaults_are_those_of_the_library():
    config = MapConfig()
    assert (config.keyframe_spacing, config.keyframe_turning) == (KEYFRAME_SPACING, KEYFRAME_TURNING)
    assert (config.place_spacing, config.tile_length) == (options.PLACE_SPACING, TILE_LENGTH)
    lateral = options.LATERAL_REACH, options.LATERAL_SPACING
    assert (MapConfig().lateral_reach, MapConfig().lateral_spacing) == lateral
    evaluation = EvaluationOptions()
    assert (evaluation.lateral_reach, evaluation.lateral_spacing) == lateral
    assert evaluation.place_spacing == options.PLACE_SPACING
    assert evaluation.scans_per_place == options.SCANS_PER_PLACE
    assert (evaluation.headings, evaluation.places) == (evaluate.HEADINGS, evaluate.PLACES)


def test_the_help_lists_every_verb():
    lines = CliRunner().invoke(main.app, ["--help"]).output.splitlines()
    assert sorted(line.split()[0] for line in lines[lines.index("Commands:") + 1 :] if line.strip()) == VERBS


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_summary_that_fits_into_the_list(verb):
    lines = CliRunner().invoke(main.app, ["--help"]).output.splitlines()
    assert not next(line for line in lines if line.split()[:1] == [verb]).endswith("...")


def test_evaluate_has_no_option_of_calibrate():
    text = CliRunner().invoke(main.app, ["evaluate", "--help"]).output
    assert not any(option in text for option in ("--calibrate", "--elsewhere", "--trials", "--samples", "--fit-only"))


@pytest.mark.parametrize("verb", ["train", "export"])
def test_the_confidence_model_is_an_option_of(verb):
    text = CliRunner().invoke(main.app, [verb, "--help"]).output
    assert "--confidence-model" in text and "--acceptance" not in text
