# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Reader of KITTI raw drives, synced and rectified, in the published layout."""

from functools import partial
from pathlib import Path

from liploc_ros.datasets.drive import DatasetError, Drive, Frame
from liploc_ros.datasets.kitti.frame_files import numbered_files
from liploc_ros.datasets.kitti.oxts import OxtsRecord, read_oxts
from liploc_ros.datasets.kitti.raw_calibration import read_kitti_calibration
from liploc_ros.datasets.kitti.rectified_camera import OPTICAL_FRAMES
from liploc_ros.datasets.kitti.timestamps import read_timestamps, stamp_of
from liploc_ros.datasets.kitti.velodyne import LIDAR_FRAME, read_scan
from liploc_ros.geometry.geodesy import GeodeticDatum
from liploc_ros.views.image_file import read_image

SENSORS = (*(f"image_{number}" for number in OPTICAL_FRAMES), "velodyne_points")
LAYOUT = "expected DATE/DRIVE_sync with oxts, and image_02 or velodyne_points or both, and DATE/calib_*.txt"


def read_kitti_raw(folder: Path) -> Drive:
    """Return a drive such as ``2011_09_26/2011_09_26_drive_0013_sync``. Images and scans are loaded on demand.

    There is a frame for each number with an OXTS record and an image or a scan. Its stamp is that of the left image; in
    a drive without left images that of the right image, without any images that of the scan. Its pose is the OXTS
    record with the same number, as in pykitti; image, scan and record are up to 10 ms apart.

    The base frame is the OXTS unit. The map frame has axes east, north, up and its origin at the first OXTS record.

    Raises:
        DatasetError: a file or folder is missing or damaged.
    """
    folder = Path(folder).resolve()
    _check_layout(folder)
    calibration = read_kitti_calibration(folder.parent)
    records = read_oxts(folder / "oxts")
    files = {sensor: numbered_files(folder / sensor / "data") for sensor in SENSORS}
    stamped_by = next((sensor for sensor in SENSORS if files[sensor]), SENSORS[0])
    stamps_file = folder / stamped_by / "timestamps.txt"
    stamps = read_timestamps(stamps_file)
    frames = []
    for record in records:
        readers = {
            frame_id: partial(read_image, files[f"image_{number}"][record.index])
            for number, frame_id in OPTICAL_FRAMES.items()
            if record.index in files[f"image_{number}"]
        }
        scan = files["velodyne_points"].get(record.index)
        if not readers and scan is None:
            continue
        stamp_ns = stamp_of(record.index, stamps, stamps_file)
        frames.append(Frame(stamp_ns, record.T_map_base, readers, None if scan is None else partial(read_scan, scan)))
    if not frames:
        raise DatasetError(
            f"{folder}: no frame number has an OXTS record and an image or a scan: unpack the drive again"
        )
    seen = {frame_id for frame in frames for frame_id in frame.images}
    return Drive(
        name=folder.name.removesuffix("_sync"),
        source=folder,
        frames=tuple(frames),
        cameras={frame_id: mounted for frame_id, mounted in calibration.cameras.items() if frame_id in seen},
        T_base_lidar=calibration.T_base_lidar,
        lidar_frame=LIDAR_FRAME,
        datum=_datum(records[0]),
        geodetic_datum=_geodetic_datum(records[0]),
    )


def _datum(record: OxtsRecord) -> str:
    """Describe the origin of the map frame."""
    latitude, longitude, altitude = record.geodetic
    return (
        f"first OXTS position of the drive: latitude {latitude:.8f}, longitude {longitude:.8f} degrees, "
        f"altitude {altitude:.3f} m; axes east, north, up"
    )


def _geodetic_datum(record: OxtsRecord) -> GeodeticDatum:
    latitude, longitude, altitude = record.geodetic.tolist()
    return GeodeticDatum(latitude=latitude, longitude=longitude, altitude=altitude, projection="mercator")


def _check_layout(folder: Path) -> None:
    if not folder.is_dir():
        raise DatasetError(f"{folder}: does not exist: {LAYOUT}")
    missing = [name for name in ("oxts", *SENSORS) if not (folder / name / "data").is_dir()]
    if "oxts" in missing or len(missing) == len(SENSORS):
        drives = sorted(path.name for path in folder.glob("*_sync"))
        hint = f"did you mean one of {', '.join(drives)}" if drives else LAYOUT
        raise DatasetError(f"{folder}: not a KITTI raw drive, {missing[0]}/data is missing: {hint}")
