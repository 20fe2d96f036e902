from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

pytest.importorskip("rclpy")

from geometry_msgs.msg import TransformStamped
from rclpy.parameter import Parameter

from liploc_ros.errors import LiplocError
from liploc_ros.geometry import pose_from
from liploc_ros.nodes.bag_player.parameters import BagPlayerParameters
from liploc_ros.nodes.common.mounts import MountError, Mounts, format_mount, parse_mount
from liploc_ros.nodes.common.parameters import declare, markdown_table
from liploc_ros.nodes.localizer.camera import COMPRESSED, RAW, choose_transport
from liploc_ros.nodes.localizer.node import LocalizerNode
from liploc_ros.nodes.localizer.parameters import LocalizerParameters
from liploc_ros.nodes.map_builder.node import MapBuilderNode
from liploc_ros.nodes.map_builder.parameters import MapBuilderParameters
from liploc_ros.package_share import share_folder

TABLES = [LocalizerParameters, MapBuilderParameters, BagPlayerParameters]
CONFIGURED = {"localizer": LocalizerParameters, "map_builder": MapBuilderParameters}
PLACED = ["camera 0 0 0 0 0 0"]
REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize("table", TABLES)
def test_every_parameter_has_a_description(table):
    assert [name for name, field in table.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("table", TABLES)
def test_the_documentation_has_the_table_of_parameters_that_the_code_has(table):
    assert markdown_table(table) in (REPOSITORY / "docs" / "nodes.md").read_text()


@pytest.mark.parametrize(("name", "table"), CONFIGURED.items())
def test_the_yaml_file_has_the_defaults_of_all_parameters(name, table):
    text = (share_folder() / "config" / f"{name}.yaml").read_text()
    values = yaml.safe_load(text)["/**"][name]["ros__parameters"]
    defaults = table().model_dump(mode="json")
    assert {key: defaults[key] for key in values} == values
    assert [key for key in defaults if f"{key}:" not in text] == []


def test_the_yaml_file_reaches_the_node_in_any_namespace(bench, tmp_path):
    text = (share_folder() / "config" / "localizer.yaml").read_text()
    path = tmp_path / "localizer.yaml"
    path.write_text(text.replace("candidates: 48", "candidates: 17").replace("autostart: true", "autostart: false"))
    node = bench.start(lambda **arguments: LocalizerNode(namespace="/car/front", **arguments), yaml=path)
    assert node.settings.candidates == 17


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"candidates": 0}, r"candidates = 0: .*greater than 0"),
        ({"candidates": 1.5}, r"candidates = 1\.5: expected integer, such as 5"),
        ({"max_image_age": 2}, r"max_image_age = 2: expected double, such as 5\.0"),
        ({"transport": "zip"}, "transport = 'zip': .*'compressed'"),
        ({"image_topics": ["a"], "camera_info_topics": ["b", "c"]}, "2 camera_info_topics for 1 image_topics"),
        ({"sensor_mounts": ["a 1 2"]}, r"sensor_mounts: 'a 1 2' cannot be read \(2 numbers\)"),
        ({"image_topics": ["a b"]}, r"image_topics = 'a b': topic name must not"),
        ({"camera_info_topics": ["1"]}, r"camera_info_topics = '1': .*start with a number"),
        ({}, "no map given: set the parameter map"),
    ],
)
def test_a_value_that_cannot_be_used_is_told_in_one_line(bench, values, words, demo_map_folder):
    given = {"sensor_mounts": PLACED, **({"map": str(demo_map_folder)} if values else {}), **values}
    with pytest.raises(LiplocError, match=words) as raised:
        bench.start(LocalizerNode, **given)
    assert "\n" not in str(raised.value)


def test_ranges_reach_the_descriptors_of_ros(bench):
    declare(bench.peer, MapBuilderParameters)
    assert bench.peer.describe_parameter("scans_per_place").integer_range[0].to_value == 20
    assert bench.peer.describe_parameter("keyframe_spacing").floating_point_range[0].from_value == 0.0


def test_parameters_of_the_map_builder_are_fixed(bench):
    node = bench.start(MapBuilderNode)
    assert not node.set_parameters([Parameter("queue", value=3)])[0].successful


def test_a_topic_of_the_map_builder_that_ros_does_not_allow_is_told_in_one_line(bench):
    with pytest.raises(LiplocError, match=r"points_topic = '\{frame\}/x': unknown substitution") as raised:
        bench.start(MapBuilderNode, points_topic="{frame}/x")
    assert "\n" not in str(raised.value)


def test_a_transform_that_is_none_is_left_out_and_named():
    warned = []
    mounts = Mounts(log=SimpleNamespace(warn=lambda key, line: warned.append(line)))
    bad, good = TransformStamped(child_frame_id="broken"), TransformStamped(child_frame_id="camera")
    bad.transform.rotation.w, good.header.frame_id = 0.0, "base_link"
    mounts.add_transforms(SimpleNamespace(transforms=[bad, good]))
    assert np.allclose(mounts.lookup("base_link", "camera"), np.eye(4))
    assert "'broken' is left out" in warned[0]


def test_a_mount_survives_being_written_and_read(rng):
    quaternion = rng.normal(size=4)
    T = pose_from(rng.normal(size=3), quaternion / np.linalg.norm(quaternion))
    frame, read = parse_mount(format_mount("camera", T))
    assert frame == "camera"
    assert np.allclose(read, T, atol=1e-7)


def test_a_mount_can_have_roll_pitch_and_yaw():
    _, T = parse_mount("lidar: 1 2 3 0 0 1.5707963")
    assert np.allclose(T[:3], [[0, -1, 0, 1], [1, 0, 0, 2], [0, 0, 1, 3]], atol=1e-6)


@pytest.mark.parametrize("entry", ["", "camera", "camera 1 2 3", "camera a b c d e f", "camera 0 0 0 0 0 0 2"])
def test_a_mount_that_cannot_be_read_is_refused(entry):
    with pytest.raises(MountError, match="write FRAME x y z qx qy qz qw"):
        Mounts([entry])


def test_an_unknown_mount_names_both_frames_and_the_remedy():
    with pytest.raises(MountError, match=r"'camera' in 'base_link' .* sensor_mounts"):
        Mounts().lookup("base_link", "camera")


@pytest.mark.parametrize(
    ("topic", "transport", "graph", "expected"),
    [
        ("/i/compressed", "auto", {}, ("/i/compressed", COMPRESSED)),
        ("/i", "compressed", {}, ("/i/compressed", COMPRESSED)),
        ("/i", "raw", {}, ("/i", RAW)),
        ("/i", "auto", {}, None),
        ("/i", "auto", {"/i": [RAW], "/i/compressed": [COMPRESSED]}, ("/i", RAW)),
        ("/i", "auto", {"/i/compressed": [COMPRESSED]}, ("/i/compressed", COMPRESSED)),
        ("/i", "auto", {"/i": [COMPRESSED]}, ("/i", COMPRESSED)),
    ],
)
def test_the_transport_is_chosen_from_name_parameter_and_graph(topic, transport, graph, expected):
    assert choose_transport(topic, transport, graph) == expected
