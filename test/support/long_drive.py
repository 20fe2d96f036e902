# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A drive of any length: the scans of the demo, repeated along a straight road."""

import hashlib
import json
from dataclasses import replace
from itertools import islice
from pathlib import Path

from liploc_ros.datasets import open_drive
from liploc_ros.datasets.drive import Frame
from liploc_ros.geometry import pose_from_yaw
from liploc_ros.mapping import MapConfig

DEMO_BAG = Path(__file__).parents[2] / "demo" / "kitti_0013_excerpt.mcap"
# Few places, so that building takes a second.
FEW_PLACES = MapConfig(place_spacing=5, lateral_reach=0, tile_length=100, point_voxel=1)


def long_drive(length=400.0, name="long", bag=DEMO_BAG):
    """Return a drive with a scan every 10 m."""
    drive = open_drive(bag)
    scans = list(islice(drive.scans(), 4))
    frames = [
        Frame(10**9 * n, pose_from_yaw(10.0 * n, 0, 0, 0), {}, scans[n % 4].read_points)
        for n in range(int(length / 10) + 1)
    ]
    return replace(drive, name=name, source=Path(name), frames=tuple(frames))


def content(folder):
    """Return the hashes of all files of a map; the time of creation does not count."""
    hashes = {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in folder.rglob("*.*")}
    manifest = json.loads((folder / "manifest.json").read_text())
    hashes["manifest.json"] = {k: v for k, v in manifest.items() if k not in ("created_at", "sha256")}
    return hashes
