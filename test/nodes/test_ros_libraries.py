# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""cv_bridge, sensor_msgs_py and tf2_ros give the same pixels, points and poses as the code of this package."""

import importlib
import sys
from types import ModuleType, SimpleNamespace
from unittest.mock import MagicMock

import numpy as np
import pytest

pytest.importorskip("rclpy")

from geometry_msgs.msg import TransformStamped
from sensor_msgs.msg import Image, PointCloud2, PointField

from liploc_ros.datasets.image_message import image_from_message
from liploc_ros.datasets.point_cloud import points_from_cloud2
from liploc_ros.geometry import pose_from, quaternion_of
from liploc_ros.nodes.common import ros_libraries
from liploc_ros.nodes.common.conversions import pose_to_message
from liploc_ros.nodes.common.ros_libraries import CV_BRIDGE_ENCODINGS, image_reader, points_reader, transform_source
from liploc_ros.nodes.common.transforms import Tf2Transforms, TransformBuffer, TransformError


class Log:
    def __init__(self):
        self.lines = []

    def info(self, line):
        self.lines.append(line)


@pytest.fixture
def log(monkeypatch):
    monkeypatch.setattr(ros_libraries, "logged_lines", set())
    return Log()


def need(name):
    try:
        return importlib.import_module(name)
    except Exception as error:
        pytest.skip(f"{name} cannot be imported ({error}); it comes with a ROS 2 installation only")


@pytest.fixture
def without(monkeypatch):
    """Return a function that makes a library impossible to import."""

    def hide(name):
        monkeypatch.setitem(sys.modules, name, None)

    return hide


def image(encoding, rng, *, padding=0):
    height, width, channels = 6, 8, CV_BRIDGE_ENCODINGS[encoding]
    rows = rng.integers(0, 256, (height, width * channels + padding), np.uint8)
    return Image(height=height, width=width, encoding=encoding, step=rows.shape[1], data=rows.tobytes())


def cloud(rng, *, fields=("x", "y", "z", "intensity"), height=1, padding=0, big=False, datatype=PointField.FLOAT32):
    dtype = np.dtype(">f4" if big else "<f4") if datatype == PointField.FLOAT32 else np.dtype("<f8")
    width, step = 5, dtype.itemsize * len(fields)
    rows = np.zeros((height, width * step + padding), np.uint8)
    values = rng.normal(size=(height, width * len(fields))).astype(dtype)
    values[0, 0] = np.nan
    rows[:, : width * step] = values.view(np.uint8).reshape(height, -1)
    return PointCloud2(
        height=height,
        width=width,
        point_step=step,
        row_step=rows.shape[1],
        is_bigendian=big,
        fields=[
            PointField(name=name, offset=dtype.itemsize * i, datatype=datatype, count=1)
            for i, name in enumerate(fields)
        ],
        data=rows.tobytes(),
    )


@pytest.mark.parametrize("padding", [0, 3, 8])
@pytest.mark.parametrize("encoding", [*CV_BRIDGE_ENCODINGS, "mono16"])
def test_cv_bridge_gives_the_same_pixels(log, rng, encoding, padding):
    need("cv_bridge.boost.cv_bridge_boost")
    read = image_reader(log)
    if encoding == "mono16":
        msg = Image(height=2, width=2, encoding=encoding, step=4, data=rng.integers(0, 256, 8, np.uint8).tobytes())
    else:
        msg = image(encoding, rng, padding=padding)
    pixels = read(msg, "/image")
    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels, image_from_message(msg, "/image"))


@pytest.mark.parametrize("fields", ["xyz", ("x", "y", "z", "intensity"), ("ring", "z", "y", "x", "i")])
@pytest.mark.parametrize("options", [{}, {"height": 3}, {"height": 3, "padding": 4}, {"big": True}, {"datatype": 8}])
def test_sensor_msgs_py_gives_the_same_points(log, rng, fields, options):
    need("sensor_msgs_py.point_cloud2")
    msg = cloud(rng, fields=fields, **options)
    expected = points_from_cloud2(msg, "/points")
    for _ in range(2):  # reading does not change the message
        assert np.array_equal(points_reader(log)(msg, "/points"), expected, equal_nan=True)
    assert log.lines == ["points are read by sensor_msgs_py"]


def test_tf2_gives_the_same_poses(rng):
    tf2_ros = need("tf2_ros")
    buffer, own = tf2_ros.Buffer(), TransformBuffer()
    for parent, child in (("base_link", "mast"), ("mast", "camera"), ("base_link", "lidar")):
        quaternion = rng.normal(size=4)
        T = pose_from(rng.normal(size=3), quaternion / np.linalg.norm(quaternion))
        item = TransformStamped(child_frame_id=child)
        item.header.frame_id = parent
        item.transform.translation.x, item.transform.translation.y, item.transform.translation.z = map(float, T[:3, 3])
        item.transform.rotation = pose_to_message(T).orientation
        buffer.set_transform_static(item, "test")
        own.add(SimpleNamespace(transforms=[item]))
    for target, source in (("base_link", "camera"), ("camera", "lidar"), ("/lidar", "/base_link")):
        assert np.allclose(Tf2Transforms(buffer).lookup(target, source), own.lookup(target, source), atol=1e-9)
    with pytest.raises(TransformError, match="tf2 does not know it"):
        Tf2Transforms(buffer).lookup("base_link", "trailer")


def test_tf2_is_asked_for_the_latest_transform_without_slashes():
    asked = []

    class Buffer:
        def lookup_transform(self, target, source, time):
            asked.append((target, source, time.nanoseconds))
            return TransformStamped()

    assert np.allclose(quaternion_of(Tf2Transforms(Buffer()).lookup("/base_link", "camera")), [0, 0, 0, 1])
    assert asked == [("base_link", "camera", 0)]


@pytest.mark.parametrize("encoding", ["rgb8", "bgr8", "mono16", "8UC3"])
def test_without_cv_bridge_this_package_reads_images(log, without, encoding):
    without("cv_bridge")
    assert image_reader(log) is image_from_message
    assert "cv_bridge is not installed" in log.lines[0] or "cv_bridge cannot be used" in log.lines[0]


@pytest.mark.parametrize("fault", [ImportError("numpy 1 is needed"), RuntimeError("crash"), AttributeError("x")])
def test_a_cv_bridge_that_does_not_work_is_not_used(log, monkeypatch, fault):
    class CvBridge:
        def imgmsg_to_cv2(self, msg, encoding):
            raise fault

    monkeypatch.setitem(sys.modules, "cv_bridge", ModuleType("cv_bridge"))
    monkeypatch.setattr(sys.modules["cv_bridge"], "CvBridge", CvBridge, raising=False)
    assert image_reader(log) is image_from_message
    assert log.lines == [f"raw images are read by liploc_ros: cv_bridge cannot be used ({fault})"]


def test_a_message_that_cv_bridge_refuses_is_read_by_this_package(log, monkeypatch, rng):
    class CvBridge:
        def imgmsg_to_cv2(self, msg, encoding):
            if msg.height > 1:
                raise ValueError("no")
            return np.array([[[3, 2, 1]]], np.uint8)

    monkeypatch.setitem(sys.modules, "cv_bridge", ModuleType("cv_bridge"))
    monkeypatch.setattr(sys.modules["cv_bridge"], "CvBridge", CvBridge, raising=False)
    read, msg = image_reader(log), image("bgr8", rng)
    assert log.lines == ["raw images are converted by cv_bridge"]
    assert np.array_equal(read(msg, "/image"), image_from_message(msg, "/image"))


def test_without_sensor_msgs_py_this_package_reads_points(log, without):
    without("sensor_msgs_py")
    without("sensor_msgs_py.point_cloud2")
    assert points_reader(log) is points_from_cloud2
    assert "points are read by liploc_ros" in log.lines[0]


def fake_node(log):
    node = MagicMock()
    node.get_logger.return_value = log
    return node


@pytest.mark.parametrize("has_tf2", [False, True])
def test_transforms_are_subscribed_to_by_this_package_also_with_tf2_ros(log, monkeypatch, has_tf2):
    tf2_ros = MagicMock()
    monkeypatch.setitem(sys.modules, "tf2_ros", tf2_ros if has_tf2 else None)
    monkeypatch.setattr(ros_libraries, "tf_message_type", lambda: TransformStamped)
    node = fake_node(log)
    node.resolve_topic_name = lambda name: name
    transform_source(node, MagicMock(), "group")
    assert [call.args[1] for call in node.create_subscription.call_args_list] == ["/tf_static", "/tf"]
    assert tf2_ros.Buffer.called is has_tf2
    assert not tf2_ros.TransformListener.called
    reason = "transforms are read by tf2_ros" if has_tf2 else "transforms are read by liploc_ros: tf2_ros "
    assert log.lines[0].startswith(reason)


def test_invalid_transforms_do_not_reach_tf2():
    buffer, warned = MagicMock(), []
    transforms = Tf2Transforms(buffer, SimpleNamespace(warn=lambda key, line: warned.append(line)))
    good, bad = TransformStamped(child_frame_id="camera"), TransformStamped(child_frame_id="broken")
    good.header.frame_id = bad.header.frame_id = "base_link"
    bad.transform.rotation.w = 0.0
    transforms.add(SimpleNamespace(transforms=[bad, good]))
    transforms.add_static(SimpleNamespace(transforms=[bad, good]))
    assert [call.args[0] for call in buffer.set_transform.call_args_list] == [good]
    assert [call.args[0] for call in buffer.set_transform_static.call_args_list] == [good]
    assert "'broken' is ignored" in warned[0]


def test_without_tf2_msgs_no_transform_is_known(log, monkeypatch):
    monkeypatch.setattr(ros_libraries, "tf_message_type", lambda: None)
    with pytest.raises(TransformError, match="tf2_msgs is not installed"):
        transform_source(fake_node(log), MagicMock(), "group").lookup("base_link", "camera")


def test_each_choice_is_logged_once(log, without):
    without("cv_bridge")
    for _ in range(3):
        image_reader(log)
    assert len(log.lines) == 1
