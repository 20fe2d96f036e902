# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Recordings are recognized by their layout. For other paths the error says what is supported."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.kitti_360_maker import make_360_drive
from support.kitti_maker import make_drive, make_sequence

from liploc_ros.datasets import BagTopics, DatasetError, open_drive, open_sources, read_kitti_raw
from liploc_ros.datasets.kitti.to_bag import write_kitti_bag
from liploc_ros.geometry import inverse, pose_from_yaw, transform_points
from liploc_ros.views.image_file import ImageError

CAMERA = "camera_color_left_optical"
PACKED = Path(__file__).parents[3] / "shared/kitti"


def make_split(folder: Path, frames: int = 3) -> Path:
    for name in ("image_2", "velodyne", "calib"):
        (folder / name).mkdir(parents=True)
    for i in range(frames):
        cv2.imwrite(str(folder / f"image_2/{i:06d}.png"), np.full((32, 64, 3), i, np.uint8))
        np.ones((5, 4), np.float32).tofile(folder / f"velodyne/{i:06d}.bin")
        rows = (
            "P2: 40 0 32 4 0 40 16 0 0 0 1 0\nR0_rect: 1 0 0 0 1 0 0 0 1\nTr_velo_to_cam: 0 -1 0 0 0 0 -1 0 1 0 0 0\n"
        )
        (folder / f"calib/{i:06d}.txt").write_text(rows)
    return folder


def make_bag(folder: Path) -> Path:
    path = folder / "drive.mcap"
    write_kitti_bag(read_kitti_raw(make_drive(folder)), path)
    return path


MAKERS = {
    "raw": (make_drive, "KITTI raw drive"),
    "odometry": (lambda root: make_sequence(root, [pose_from_yaw(i, 0, 0, 0) for i in range(3)]), "KITTI odometry seq"),
    "360": (make_360_drive, "KITTI-360 drive"),
}


@pytest.mark.parametrize(("make", "kind"), MAKERS.values(), ids=MAKERS)
def test_a_drive_of_each_layout_opens_as_one_source_without_topics(tmp_path, make, kind):
    folder = make(tmp_path)
    drive = open_drive(folder)
    frame = drive.complete().frames[0]
    assert next(iter(frame.images.values()))().ndim == 3
    assert frame.read_points().shape[1] == 4
    assert [source.name for source in open_sources(folder)] == [drive.name]
    with pytest.raises(DatasetError, match=f"a {kind}.* has no topics: give none for points"):
        open_drive(folder, BagTopics(points="/points"))


def test_a_bag_is_one_source(tmp_path):
    assert [drive.name for drive in open_sources(make_bag(tmp_path))] == ["drive"]


def test_an_object_split_is_many_sources_with_one_frame_and_not_a_drive(tmp_path):
    split = make_split(tmp_path / "training")
    sources = open_sources(split)
    assert [drive.name for drive in sources] == [f"object_training_{i:06d}" for i in range(3)]
    assert [len(drive.complete().frames) for drive in sources] == [1, 1, 1]
    with pytest.raises(DatasetError, match="single frames of KITTI's object benchmark are not a drive"):
        open_drive(split)


def test_a_damaged_image_of_a_split_does_not_affect_the_others(tmp_path):
    split = make_split(tmp_path / "training")
    (split / "image_2/000000.png").write_bytes(b"no image")
    first, second, _ = open_sources(split)
    with pytest.raises(ImageError, match=r"000000\.png: 8 bytes are not an image"):
        next(iter(first.frames[0].images.values()))()
    assert next(iter(second.frames[0].images.values()))().shape == (32, 64, 3)


def test_an_image_deleted_after_opening_is_refused_with_its_name(tmp_path):
    folder = make_drive(tmp_path)
    frame = open_drive(folder).frames[1]
    (folder / "image_02/data/0000000001.png").unlink()
    with pytest.raises(ImageError, match=r"0000000001\.png: cannot be read"):
        next(iter(frame.images.values()))()


@pytest.mark.parametrize(
    ("make", "up"),
    [(make_drive, 1), (make_drive, 2), (MAKERS["odometry"][0], 1), (MAKERS["odometry"][0], 3), (make_360_drive, 2)],
)
def test_for_a_folder_above_a_drive_the_drive_is_suggested(tmp_path, make, up):
    folder = make(tmp_path)
    with pytest.raises(DatasetError, match=f"did you mean {folder}"):
        open_drive(folder.parents[up - 1])


@pytest.mark.parametrize("name", ["nowhere", "empty", "file.txt"])
def test_for_a_path_that_is_not_a_recording_the_supported_kinds_are_listed(tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").touch()
    with pytest.raises(DatasetError, match=r"check the path|give a rosbag2 folder .* or KITTI-360 drive") as caught:
        open_sources(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.fixture
def real_split(tmp_path):
    """Two real frames of each split in its published layout."""
    if not PACKED.is_dir():
        pytest.skip("the packed KITTI frames are not next to the repository")
    spec = spec_from_file_location("unpack", PACKED / "unpack.py")
    unpack = module_from_spec(spec)
    spec.loader.exec_module(unpack)
    for calibration in [file for split in (PACKED / "object").iterdir() for file in sorted(split.glob("calib/*"))[:2]]:
        packed, split = calibration.parents[1], tmp_path / calibration.parents[1].name
        for name in ("image_2", "velodyne", "calib"):
            (split / name).mkdir(parents=True, exist_ok=True)
        frame = calibration.stem
        (split / f"calib/{frame}.txt").write_bytes(calibration.read_bytes())
        cv2.imwrite(str(split / f"image_2/{frame}.png"), cv2.imread(str(packed / f"image_2/{frame}.jpg")))
        unpack.unpack_scan(packed / f"velodyne/{frame}.xz").tofile(split / f"velodyne/{frame}.bin")
    return tmp_path


@pytest.mark.parametrize("name", ["training", "testing", "unknown_split"])
def test_points_of_real_frames_cover_the_lower_part_of_their_images(real_split, name):
    for drive in open_sources(real_split / name):
        frame, camera = drive.frames[0], drive.cameras[CAMERA]
        image, points = frame.images[CAMERA](), frame.read_points()
        rays = transform_points(inverse(camera.T_base_camera) @ drive.T_base_lidar, points)
        pixels, seen = camera.camera.project(rays.astype(float))
        assert seen.sum() > 5_000
        assert image.shape[0] / 2 < np.median(pixels[seen, 1]) < image.shape[0]
        columns = np.histogram(pixels[seen, 0], bins=10, range=(0, image.shape[1]))[0]
        assert columns.min() > 100


def test_a_real_calibration_is_the_same_in_the_layouts_of_both_benchmarks(real_split):
    split = real_split / "training"
    drive = open_sources(split)[0]
    rows = dict(line.split(": ") for line in (split / f"calib/{drive.source.stem}.txt").read_text().split("\n") if line)
    R_rect = np.array(rows["R0_rect"].split(), float).reshape(3, 3)
    Tr = R_rect @ np.array(rows["Tr_velo_to_cam"].split(), float).reshape(3, 4)
    sequence = make_sequence(real_split, [np.eye(4)])
    (sequence / "calib.txt").write_text(f"P2: {rows['P2']}\nTr: {' '.join(map(repr, Tr.ravel().tolist()))}\n")
    (sequence / "image_2/000000.png").write_bytes(drive.source.read_bytes())
    same = open_drive(sequence)
    T = [inverse(d.cameras[CAMERA].T_base_camera) @ d.T_base_lidar for d in (drive, same)]
    assert T[0] == pytest.approx(T[1], abs=1e-4)
    assert same.cameras[CAMERA].camera.width == drive.cameras[CAMERA].camera.width
