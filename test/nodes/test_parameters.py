# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Parameters of the nodes: tables, declaration, YAML files, documentation."""

import re
from pathlib import Path

import pytest
import yaml

pytest.importorskip("rclpy")

from pydantic import Field
from rclpy.parameter import Parameter

from liploc_ros.errors import LiplocError
from liploc_ros.nodes.bag_player.node import BagPlayerNode
from liploc_ros.nodes.bag_player.parameters import BagPlayerParameters
from liploc_ros.nodes.common.parameter_names import is_misspelt
from liploc_ros.nodes.common.parameter_table import markdown_table, nested, parameters_of
from liploc_ros.nodes.common.parameters import ParameterError, declare
from liploc_ros.nodes.localizer.node import LocalizerNode
from liploc_ros.nodes.localizer.parameters import LocalizerParameters
from liploc_ros.nodes.map_builder.node import MapBuilderNode
from liploc_ros.nodes.map_builder.parameters import MapBuilderParameters
from liploc_ros.package_share import share_folder
from liploc_ros.schema import FrozenModel

TABLES = [LocalizerParameters, MapBuilderParameters, BagPlayerParameters]
CONFIGURED = {"localizer": LocalizerParameters, "map_builder": MapBuilderParameters}
MOUNTS = ["camera 0 0 0 0 0 0"]
REPOSITORY = Path(__file__).parents[2]


class Inner(FrozenModel):
    gain: float = Field(1.5, gt=0, description="gain")


class Outer(FrozenModel):
    label: str = Field("a", description="label")
    inner: Inner = Inner(gain=2.5)


def flat(values, prefix=""):
    """Return nested values by dotted name, as rcl does with a YAML file."""
    result = {}
    for name, value in values.items():
        result |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return result


@pytest.mark.parametrize("table", TABLES)
def test_every_parameter_has_a_description(table):
    assert [spec.name for spec in parameters_of(table) if not spec.field.description] == []


@pytest.mark.parametrize("table", TABLES)
def test_the_documentation_contains_the_table_of_parameters(table):
    assert markdown_table(table) in (REPOSITORY / "docs" / "nodes.md").read_text()


@pytest.mark.parametrize(("name", "table"), CONFIGURED.items())
def test_the_yaml_file_lists_all_parameters_with_their_defaults(name, table):
    text = (share_folder() / "config" / f"{name}.yaml").read_text()
    values = flat(yaml.safe_load(text)["/**"][name]["ros__parameters"])
    assert values == {spec.name: spec.default for spec in parameters_of(table)}


def test_groups_become_prefixes_and_keep_the_defaults_of_the_outer_model():
    assert {spec.name: spec.default for spec in parameters_of(Outer)} == {"label": "a", "inner.gain": 2.5}
    assert Outer(**nested({"label": "b", "inner.gain": 3.0})) == Outer(label="b", inner=Inner(gain=3.0))


@pytest.mark.parametrize(
    ("node_class", "settings", "table"),
    [
        (LocalizerNode, {"autostart": False}, LocalizerParameters),
        (MapBuilderNode, {}, MapBuilderParameters),
        (BagPlayerNode, {"bag": "demo"}, BagPlayerParameters),
    ],
)
def test_every_parameter_of_a_node_has_a_value_that_can_be_read(bench, demo_bag, node_class, settings, table):
    if "bag" in settings:
        settings = {"bag": str(demo_bag)}
    node = bench.start(node_class, **settings)
    for spec in parameters_of(table):
        assert node.get_parameter(spec.name).value == settings.get(spec.name, spec.default)
        assert node.get_parameter(spec.name).type_ == spec.ros_type


def test_the_yaml_file_reaches_the_node_in_any_namespace(bench, tmp_path):
    text = (share_folder() / "config" / "localizer.yaml").read_text()
    path = tmp_path / "localizer.yaml"
    path.write_text(text.replace("candidates: 16", "candidates: 17").replace("autostart: true", "autostart: false"))
    node = bench.start(lambda **arguments: LocalizerNode(namespace="/car/front", **arguments), yaml=path)
    assert node.settings.matching.candidates == 17
    assert node.settings.config().matching.candidates == 17


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"matching.candidates": 0}, r"parameter matching\.candidates = 0: .*greater than 0"),
        ({"matching.candidates": 1.5}, r"matching\.candidates = 1\.5: expected integer, such as 5"),
        ({"max_image_age": 2}, r"max_image_age = 2: expected double, such as 5\.0"),
        ({"transport": "zip"}, "transport = 'zip': .*'compressed'"),
        ({"image_topics": ["a"], "camera_info_topics": ["b", "c"]}, "2 camera_info_topics for 1 image_topics"),
        ({"image_topics": [""]}, "image_topics = .*: name at least one topic"),
        ({"sensor_mounts": ["a 1 2"]}, r"sensor_mounts: mount 'a 1 2' cannot be read \(2 numbers\)"),
        ({"image_topics": ["a b"]}, r"image_topics = 'a b': topic name must not"),
        ({"camera_info_topics": ["1"]}, r"camera_info_topics = '1': .*start with a number"),
        ({}, "no map given: set the parameter map"),
    ],
)
def test_an_unusable_value_is_reported_in_one_line(bench, values, words, demo_map_folder):
    given = {"sensor_mounts": MOUNTS, **({"map": str(demo_map_folder)} if values else {}), **values}
    with pytest.raises(LiplocError, match=words) as raised:
        bench.start(LocalizerNode, **given)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("image_topic", ["a"], r"did you mean image_topics\?"),
        ("tracking.max_sped", 1.0, r"did you mean tracking\.max_speed\?"),
        ("candidates", 5, r"did you mean matching\.candidates\?"),
        ("merge_distance", 5.0, r"did you mean matching\.merge_distance or tracking\.merge_distance\?"),
        ("tracking", False, r"did you mean tracking\.enabled\?"),
    ],
)
def test_an_unknown_parameter_is_refused_with_the_nearest_name(bench, name, value, hint):
    with pytest.raises(ParameterError, match=rf"parameter {name} of node localizer is not known: {hint}"):
        bench.start(LocalizerNode, **{name: value})


def test_parameters_of_other_nodes_in_a_shared_file_are_ignored_with_a_warning(bench, tmp_path, capfd):
    others = ["controller.max_speed", "odom_topic", "robot_radius", "encoder.ticks"]
    lines = "".join(f"    {name}: 1.0\n" for name in others)
    path = tmp_path / "vehicle.yaml"
    path.write_text(f"/**:\n  ros__parameters:\n{lines}    autostart: false\n")
    assert not bench.start(LocalizerNode, yaml=path).settings.autostart
    ignored = re.search("ignored parameters that are not known to localizer: (.*);", capfd.readouterr().err)
    expected = {"odom_topic": "odom_topic (did you mean odometry_topic?)"}
    assert sorted(ignored[1].split(", ")) == sorted(expected.get(name, name) for name in others)


@pytest.mark.parametrize(("name", "is_own"), [("max_speed", True), ("matching.gate_sigma", True), ("a.b", False)])
def test_a_name_without_its_group_or_with_another_group_of_the_node_is_misspelt(name, is_own):
    assert is_misspelt(name, [spec.name for spec in parameters_of(LocalizerParameters)]) is is_own


def test_ranges_reach_the_descriptors_of_ros(bench):
    declare(bench.peer, MapBuilderParameters)
    assert bench.peer.describe_parameter("scans_per_place").integer_range[0].to_value == 20
    assert bench.peer.describe_parameter("keyframe_spacing").floating_point_range[0].from_value == 0.0


def test_parameters_of_a_group_are_checked_when_they_change(bench, demo_map_folder):
    node = bench.start(LocalizerNode, autostart=False)
    assert node.set_parameters([Parameter("tracking.localized_probability", value=0.9)])[0].successful
    result = node.set_parameters([Parameter("tracking.localized_probability", value=1.0)])[0]
    assert not result.successful
    assert result.reason == "parameter tracking.localized_probability = 1.0: Input should be less than 1"


def test_a_topic_of_the_map_builder_that_ros_does_not_allow_is_reported_in_one_line(bench):
    with pytest.raises(LiplocError, match=r"points_topic = '\{frame\}/x': unknown substitution") as raised:
        bench.start(MapBuilderNode, points_topic="{frame}/x")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("text", "expected"), [("lidar", None), ("1 2 3", (1.0, 2.0, 3.0)), ("1, 2, 3", (1, 2, 3))])
def test_the_view_origin_is_that_of_the_lidar_or_a_point(text, expected):
    assert MapBuilderParameters(view_origin=text).map_config().view_origin == expected


@pytest.mark.parametrize("text", ["", "camera", "1 2", "1 2 x"])
def test_a_view_origin_that_cannot_be_read_is_refused(bench, text):
    with pytest.raises(ParameterError, match=r"view_origin = .*write lidar, or three numbers 'x y z'"):
        bench.start(MapBuilderNode, view_origin=text)


def test_empty_entries_of_string_arrays_are_ignored():
    parameters = LocalizerParameters(image_topics=["a", ""], sensor_mounts=[""])
    assert (parameters.image_topics, parameters.sensor_mounts) == (("a",), ())
