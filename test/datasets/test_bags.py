import os
import pickle
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rosbags.interfaces import QosDurability
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from support.kitti_maker import make_drive
from typer.testing import CliRunner

from liploc_ros.cli.kitti import app
from liploc_ros.datasets import BagTopics, DatasetError, open_drive, read_bag, read_kitti_raw
from liploc_ros.datasets.bag import messages
from liploc_ros.datasets.bag.file import BagFile
from liploc_ros.datasets.bag.messages import TYPES
from liploc_ros.datasets.bag.writer import BagWriter
from liploc_ros.datasets.kitti.oxts import read_oxts
from liploc_ros.datasets.kitti.to_bag import write_kitti_bag
from liploc_ros.datasets.trajectory import Trajectory
from liploc_ros.errors import LiplocError
from liploc_ros.geometry import MountedCamera, PinholeCamera, ViewGrid
from liploc_ros.learning.aligned.recipe import VirtualViews
from liploc_ros.learning.aligned.samples import samples_of

EXCERPT = Path(__file__).parents[2] / "demo/kitti_0013_excerpt.mcap"
CAMERA = "camera_color_left_optical"
K = np.array([[40.0, 0, 32], [0, 40, 16], [0, 0, 1]])


@pytest.fixture(scope="module")
def drive_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_drive(tmp_path_factory.mktemp("kitti"), frames=12, every=2)


@pytest.fixture(scope="module")
def bag_path(drive_folder: Path) -> Path:
    path = drive_folder.parent / "drive.mcap"
    write_kitti_bag(read_kitti_raw(drive_folder), path)
    return path


def write_bag(path: Path, items: list[tuple[str, int, Any]]) -> Path:
    with BagWriter(path) as bag:
        for topic in dict.fromkeys(topic for topic, _, _ in items):
            msgtype = next(msg.__msgtype__ for name, _, msg in items if name == topic)
            bag.add_topic(topic, msgtype)
        for topic, stamp, msg in items:
            bag.write(topic, stamp, msg)
    return path


def test_a_bag_holds_the_drive_it_was_made_from(drive_folder: Path, bag_path: Path) -> None:
    drive, bag = read_kitti_raw(drive_folder), open_drive(bag_path)
    records = read_oxts(drive_folder / "oxts")
    truth = Trajectory([r.stamp_ns for r in records], [r.T_map_base for r in records])
    images, scans = list(bag.images()), list(bag.scans())
    assert len(images) == len(scans) == len(drive.frames) == 6
    for original, image, scan in zip(drive.frames, images, scans, strict=True):
        assert image.stamp_ns == original.stamp_ns
        assert image.T_map_base == pytest.approx(truth.at(image.stamp_ns), abs=1e-9)
        assert np.array_equal(image.images[CAMERA](), original.images[CAMERA]())
        assert scan.stamp_ns == original.stamp_ns - 10_000_000
        assert scan.read_points is not None
        assert original.read_points is not None
        assert np.array_equal(scan.read_points(), original.read_points())
    assert bag.T_base_lidar == pytest.approx(drive.T_base_lidar, abs=1e-6)
    assert bag.cameras[CAMERA].T_base_camera == pytest.approx(drive.cameras[CAMERA].T_base_camera, abs=1e-6)
    assert pytest.approx(drive.cameras[CAMERA].camera.K) == bag.cameras[CAMERA].camera.K
    assert (bag.base_frame, bag.lidar_frame, bag.map_frame) == ("base_link", "velo_link", "map")


def test_a_bag_is_in_order_of_time_with_all_odometry_and_latched_transforms(bag_path: Path) -> None:
    with Reader(bag_path) as reader:
        stamps = [(connection.topic, stamp) for connection, stamp, _ in reader.messages()]
        durability = {c.topic: c.ext.offered_qos_profiles[0].durability for c in reader.connections}
        counts = {c.topic: c.msgcount for c in reader.connections}
    assert stamps == sorted(stamps, key=lambda item: item[1])
    assert stamps[0][0] == "/tf_static"
    assert counts["/odom"] == counts["/tf"] == 12
    assert counts["/camera_color_left/camera_info"] == counts["/camera_color_left/image_raw"] == 6
    assert durability["/tf_static"] == QosDurability.TRANSIENT_LOCAL
    assert durability["/odom"] == QosDurability.VOLATILE


def test_odometry_tells_its_frames_velocity_and_accuracy(bag_path: Path) -> None:
    _, odometry = next(iter(BagFile(bag_path).messages(["/odom"])))
    assert (odometry.header.frame_id, odometry.child_frame_id) == ("odom", "base_link")
    assert odometry.twist.twist.linear.x == 10
    assert odometry.pose.covariance[0] == pytest.approx(0.3**2)
    assert np.all(odometry.pose.covariance.reshape(6, 6).diagonal() > 0)


def test_the_command_writes_a_bag_of_chosen_frames_and_overwrites_only_when_told(drive_folder: Path) -> None:
    out = drive_folder.parent / "chosen.mcap"
    arguments = ["to-bag", str(drive_folder), str(out), "--compressed", "--start", "1", "--end", "5", "--every", "2"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    drive = open_drive(out)
    assert len(list(drive.images())) == len(list(drive.scans())) == 2
    again = CliRunner().invoke(app, arguments)
    assert isinstance(again.exception, DatasetError)
    assert "--force" in str(again.exception)
    assert CliRunner().invoke(app, [*arguments, "--force"]).exit_code == 0


def test_a_bag_that_could_not_be_finished_leaves_no_trace(drive_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "half.mcap"
    out.write_bytes(b"before")

    def fail(points: np.ndarray) -> np.ndarray:
        raise DatasetError("the disk of the drive is gone: plug it in")

    with pytest.raises(DatasetError, match="plug it in"):
        write_kitti_bag(read_kitti_raw(drive_folder), out, points_filter=fail, force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["half.mcap"]
    assert out.read_bytes() == b"before"


def test_a_full_disk_is_told_on_one_line_and_leaves_no_trace(tmp_path: Path) -> None:
    def fill_disk(path: Path) -> None:
        with BagWriter(path):
            raise OSError(28, "No space left on device")

    with pytest.raises(DatasetError, match=r"out\.mcap: cannot be written \(No space left on device\): make room"):
        fill_disk(tmp_path / "out.mcap")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("name", "complaint"), [("out.bag", r"ends in \.mcap"), ("no/out.mcap", "make it first")])
def test_a_bag_cannot_be_written_just_anywhere(tmp_path: Path, name: str, complaint: str) -> None:
    with pytest.raises(DatasetError, match=complaint):
        BagWriter(tmp_path / name)


def test_the_excerpt_has_17_scans_and_40_images_with_true_poses_between_them() -> None:
    drive = open_drive(EXCERPT)
    scans, images = list(drive.scans()), list(drive.images())
    assert (len(scans), len(images)) == (17, 40)
    places = np.array([frame.T_map_base[:3, 3] for frame in scans if frame.T_map_base is not None])
    queries = np.array([frame.T_map_base[:3, 3] for frame in images if frame.T_map_base is not None])
    assert np.linalg.norm(np.diff(places, axis=0), axis=1).min() > 9.5
    nearest = np.linalg.norm(queries[:, None] - places, axis=2).min(axis=1)
    assert np.median(nearest) > 2
    assert nearest.max() < 6
    assert EXCERPT.stat().st_size <= 12e6


def test_the_excerpts_images_and_scans_are_whole() -> None:
    drive = open_drive(EXCERPT)
    image = next(drive.images()).images[CAMERA]()
    scan = next(drive.scans()).read_points
    assert image.shape == (375, 1242, 3)
    assert scan is not None
    points = scan()
    assert len(points) > 50_000
    assert np.all(np.isfinite(points))
    assert 0 <= points[:, 3].min() < points[:, 3].max() <= 1


def test_messages_read_in_any_order_equal_those_of_one_pass() -> None:
    bag = BagFile(EXCERPT)
    topic = "/camera_color_left/image_raw/compressed"
    passed = {key: msg.data.tobytes() for key, msg in bag.messages([topic])}
    keys = list(passed)
    shuffled = [keys[i] for i in np.random.default_rng(0).permutation(len(keys))]
    for key in [*keys, *reversed(keys), *shuffled]:
        assert bag.message(key).data.tobytes() == passed[key]


def test_messages_of_one_time_are_told_apart(tmp_path: Path) -> None:
    clouds = [messages.point_cloud(7, "base_link", np.full((1, 4), i / 8, np.float32)) for i in range(3)]
    drive = read_bag(write_bag(tmp_path / "same.mcap", [("/points", 7, msg) for msg in clouds]))
    readers = [frame.read_points for frame in drive.frames]
    assert [read()[0, 0] for read in reversed(readers) if read] == [0.25, 0.125, 0]


def test_a_closed_bag_opens_again_when_it_is_read() -> None:
    with BagFile(EXCERPT) as bag:
        key, before = next(iter(bag.messages(["/odom"])))
        bag.message(key)
    assert bag._reader is None
    assert str(bag.message(key)) == str(before)


def test_training_on_a_bag_says_why_it_cannot_be() -> None:
    with pytest.raises(DatasetError, match=r"in a bag they are frames of their own\): give the folder of a KITTI raw"):
        samples_of(open_drive(EXCERPT), ViewGrid(), VirtualViews(), seed=0)


def test_a_drive_goes_to_another_process() -> None:
    frame = next(pickle.loads(pickle.dumps(open_drive(EXCERPT))).images())
    assert frame.images[CAMERA]().shape == (375, 1242, 3)


def test_a_forked_process_does_not_disturb_its_parent() -> None:
    frames = list(open_drive(EXCERPT).images())
    expected = [frame.images[CAMERA]().sum() for frame in frames[:6]]
    frames[0].images[CAMERA]()
    child = os.fork()
    if child == 0:
        os._exit(int([frame.images[CAMERA]().sum() for frame in frames[:6]] != expected))
    assert [frame.images[CAMERA]().sum() for frame in frames[1:6]] == expected[1:]
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("plugin", list(StoragePlugin))
def test_a_bag_folder_of_either_storage_is_read(tmp_path: Path, bag_path: Path, plugin: StoragePlugin) -> None:
    folder = tmp_path / "folder"
    with Reader(bag_path) as reader, Writer(folder, version=8, storage_plugin=plugin) as writer:
        connections = {c.topic: writer.add_connection(c.topic, c.msgtype, typestore=TYPES) for c in reader.connections}
        for connection, stamp, raw in reader.messages():
            writer.write(connections[connection.topic], stamp, raw)
    expected = [frame.stamp_ns for frame in read_bag(bag_path).frames]
    assert [frame.stamp_ns for frame in open_drive(folder).frames] == expected
    storage = next(path for path in folder.iterdir() if path.suffix in (".mcap", ".db3"))
    assert [frame.stamp_ns for frame in open_drive(storage).frames] == expected


def test_a_topic_that_is_not_there_is_named_with_those_that_are(bag_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"has no topic /lidar for points: .*/points \(sensor_msgs/PointCloud2\)"):
        open_drive(bag_path, BagTopics(points="/lidar"))
    with pytest.raises(DatasetError, match=r"topic /odom for points is a nav_msgs/msg/Odometry"):
        open_drive(bag_path, BagTopics(points="/odom"))


def test_a_bag_without_what_is_needed_tells_the_topics_it_has(tmp_path: Path) -> None:
    odometry = messages.odometry(5, "odom", "base_link", np.eye(4), np.zeros(6), [1.0] * 12)
    path = write_bag(tmp_path / "poor.mcap", [("/odom", 5, odometry)])
    complaint = (
        r"no topic of type sensor_msgs/PointCloud2 for points: record one \(topics: /odom \(nav_msgs/Odometry\)\)"
    )
    with pytest.raises(DatasetError, match=complaint):
        read_bag(path, needs=["points", "odometry"])
    with pytest.raises(DatasetError, match="neither points nor images"):
        read_bag(path)


def test_of_several_topics_of_a_type_one_must_be_chosen(tmp_path: Path) -> None:
    points = messages.point_cloud(5, "base_link", np.zeros((1, 4), np.float32))
    path = write_bag(tmp_path / "two.mcap", [("/front", 5, points), ("/rear", 5, points)])
    with pytest.raises(DatasetError, match="several topics for points: choose one of /front, /rear"):
        read_bag(path)
    assert len(read_bag(path, BagTopics(points="/rear")).frames) == 1


def test_of_several_image_topics_of_a_frame_one_is_chosen_by_an_option(tmp_path: Path) -> None:
    info = messages.camera_info(5, MountedCamera("base_link", PinholeCamera(64, 32, K), np.eye(4)))
    image = messages.image(5, "base_link", np.zeros((32, 64, 3), np.uint8))
    items = [("/a/camera_info", 5, info), ("/a/image_raw", 5, image), ("/a/image_mono", 5, image)]
    path = write_bag(tmp_path / "twice.mcap", items)
    with pytest.raises(DatasetError, match=r"choose one of /a/image_mono, /a/image_raw \(--image-topic\)"):
        read_bag(path)
    assert len(read_bag(path, BagTopics(images=("/a/image_raw",))).frames) == 1


def test_images_without_camera_info_are_refused_where_they_are_needed(tmp_path: Path) -> None:
    image = messages.image(5, "camera", np.zeros((32, 64, 3), np.uint8))
    path = write_bag(tmp_path / "blind.mcap", [("/camera/image_raw", 5, image)])
    with pytest.raises(DatasetError, match="no CameraInfo for /camera/image_raw: record /camera/camera_info"):
        read_bag(path, needs=["images"])


def test_a_sensor_without_a_place_is_refused_with_both_frames(tmp_path: Path) -> None:
    info = messages.camera_info(5, MountedCamera("camera", PinholeCamera(64, 32, K), np.eye(4)))
    image = messages.image(5, "camera", np.zeros((32, 64, 3), np.uint8))
    path = write_bag(tmp_path / "lost.mcap", [("/camera/camera_info", 5, info), ("/camera/image_raw", 5, image)])
    with pytest.raises(DatasetError, match="no static transform from 'camera' to 'base_link'"):
        read_bag(path)


def test_frames_far_from_any_odometry_have_no_pose(tmp_path: Path) -> None:
    odometry = messages.odometry(0, "odom", "base_link", np.eye(4), np.zeros(6), [1.0] * 12)
    clouds = [messages.point_cloud(t, "base_link", np.zeros((1, 4), np.float32)) for t in (50_000_000, 5_000_000_000)]
    items = [("/odom", 1, odometry), ("/points", 2, clouds[0]), ("/points", 3, clouds[1])]
    drive = read_bag(write_bag(tmp_path / "bag.mcap", items))
    assert [frame.T_map_base is None for frame in drive.frames] == [False, True]


@pytest.mark.parametrize("kept", [0, 4, 8, 30, 1000, -1, -8, -37, -1000])
def test_a_bag_that_is_cut_off_is_refused_by_name(tmp_path: Path, bag_path: Path, kept: int) -> None:
    path = tmp_path / "cut.mcap"
    path.write_bytes(bag_path.read_bytes()[:kept])
    with pytest.raises(DatasetError, match=r"cut\.mcap: no rosbag2 recording, or a damaged one") as caught:
        open_drive(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["text.mcap", "text.db3", "text.txt", "folder", "folder_of_bags", "missing.mcap"])
def test_what_is_no_recording_is_refused_on_one_line(tmp_path: Path, bag_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.startswith("text"):
        path.write_text("these are not the bytes of a bag " * 100)
    elif name.startswith("folder"):
        path.mkdir()
        if name == "folder_of_bags":
            shutil.copy(bag_path, path)
    with pytest.raises(DatasetError) as caught:
        open_drive(path)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_bag_with_wrong_bytes_is_read_or_refused_but_nothing_else(bag_path: Path, data: st.DataObject) -> None:
    raw = bytearray(bag_path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path = bag_path.with_name("wrong.mcap")
    path.write_bytes(raw)
    with suppress(LiplocError):
        for frame in open_drive(path).frames:
            for read in [*frame.images.values(), *([frame.read_points] if frame.read_points else [])]:
                read()


def test_a_flipped_byte_of_a_scan_is_noticed(tmp_path: Path, bag_path: Path) -> None:
    raw = bytearray(bag_path.read_bytes())
    raw[len(raw) // 3] ^= 0x10
    path = tmp_path / "flipped.mcap"
    path.write_bytes(raw)
    with pytest.raises(DatasetError, match=r"flipped\.mcap"):
        open_drive(path)
