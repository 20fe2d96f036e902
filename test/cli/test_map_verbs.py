# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The verbs of ``liploc map`` on one map after another."""

import json

import pytest
from typer.testing import CliRunner

from liploc_ros.cli.main import app
from liploc_ros.mapping import LidarMap


def liploc(*arguments):
    return CliRunner().invoke(app, ["map", *map(str, arguments)], catch_exceptions=False)


def test_a_map_is_cropped_merged_upgraded_verified_and_described(saved_map, tmp_path):
    a, b, both = tmp_path / "a", tmp_path / "b", tmp_path / "both"
    assert "20 places along 19 m in 1 tiles" in liploc("crop", saved_map, a, "--stations", 0, 19).stdout
    assert liploc("crop", saved_map, b, "--box", -100, 60, 100, 80).exit_code == 0
    assert "in 2 tiles" in liploc("merge", a, b, both).stdout
    assert "in 1 tiles" in liploc("upgrade", a).stdout
    verified = liploc("verify", both, "--samples", 2).stdout
    assert "intact" in verified and "1 gaps" in verified and "2 encoded again" in verified
    info = liploc("info", both).stdout
    assert "MB/km" in info and "2 of up to 1000 m" in info and "not known" in info
    assert len(LidarMap.load(both).T_map_base) > 30


def test_a_map_is_drawn_and_its_path_written(saved_map, tmp_path):
    assert "map from above" in liploc("show", saved_map, tmp_path / "map.png").stdout
    assert "view at place 7" in liploc("show", saved_map, tmp_path / "view.png", "--place", 7).stdout
    assert liploc("geojson", saved_map, tmp_path / "path.json", "--latitude", 49, "--longitude", 8).exit_code == 0
    assert json.loads((tmp_path / "path.json").read_text())["type"] == "FeatureCollection"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("crop", "MAP", "out"), "give either --box or --stations"),
        (("geojson", "MAP", "out.json", "--latitude", 49), "give both --latitude and --longitude"),
    ],
)
def test_what_is_missing_is_said(saved_map, tmp_path, arguments, said):
    run = liploc(*[saved_map if a == "MAP" else tmp_path / a if str(a).startswith("out") else a for a in arguments])
    assert run.exit_code == 2 and said in run.output.replace("\n", " ")
