# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""How fast maps are built, and how much memory that takes, by their length.

    python -m benchmarks.map_build --km 1 10 --poses KITTI_ODOMETRY/poses
    python -m benchmarks.map_build --km 1 10 100 --poses KITTI_ODOMETRY/poses --place-spacing 10 --encoder none

The drive is synthetic: the scans of a real one, repeated along the trajectories of KITTI's odometry benchmark, which
are put end to end. Each length is built in its own process. ``--encoder none`` takes a fixed array instead of what the
network computes: for lengths at which computing it would take hours. Everything else is done as ever.

Times are CPU seconds as well as seconds of a clock, because the latter are only right on a machine that does nothing
else.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liploc_ros.datasets import open_drive
from liploc_ros.datasets.drive import Drive, Frame
from liploc_ros.encoders import Encoders, ModelBundle
from liploc_ros.encoders.backends import Choice
from liploc_ros.geometry import inverse
from liploc_ros.mapping import MapConfig
from liploc_ros.mapping.build import write_map
from liploc_ros.threads import limit_threads

DEMO = Path(__file__).parents[1] / "demo" / "kitti_0013_excerpt.mcap"
STEP = 1.0  # metres between two frames where no trajectories are given
CAMERA_IN_BASE = np.array([[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]], np.float64)


class FixedEncoder:
    """Returns the same features for every view."""

    runtime = "none"

    def __init__(self, bundle: ModelBundle) -> None:
        """Take the model whose features have the shape."""
        self._spec = bundle.spec
        self._features: dict[tuple[int, ...], NDArray[np.float32]] = {}

    def encode(self, views: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return features (N, D, H / s, W / s)."""
        count, _, height, width = views.shape
        shape = count, self._spec.channels, height // self._spec.stride, width // self._spec.stride
        if shape not in self._features:
            features = np.random.default_rng(0).standard_normal(shape, np.float32)
            self._features[shape] = features / np.linalg.norm(features, axis=1, keepdims=True)
        return self._features[shape]

    def close(self) -> None:
        """Do nothing."""


class FixedEncoders(Encoders):
    """Encoders that compute nothing."""

    @cached_property
    def lidar_choice(self) -> Choice:
        """The encoder of panoramas."""
        return Choice(FixedEncoder(self.bundle), "nothing is computed")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--km", type=float, nargs="+", default=[1.0], help="lengths")
    parser.add_argument("--drive", type=Path, default=DEMO, help="recording whose scans are used")
    parser.add_argument("--poses", type=Path, help="folder with NN.txt of KITTI's odometry benchmark")
    parser.add_argument("--place-spacing", type=float, default=1.0, help="[m]")
    parser.add_argument("--lateral-reach", type=float, default=4.0, help="[m]")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--encoder", choices=("onnx", "none"), default="onnx")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(measure(arguments.km[0], arguments)))
        return
    print("km      stations  places   s       CPU s   places/s  places/CPU s  peak MB  MB/km  tiles")
    rows = []
    for km in arguments.km:
        command = [sys.executable, "-m", "benchmarks.map_build", *sys.argv[1:], "--child", "--km", str(km)]
        row = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        rows.append(row)
        print(
            f"{row['km']:<7.2f} {row['stations']:<9d} {row['places']:<8d} {row['s']:<7.0f} {row['cpu']:<7.0f} "
            f"{row['places'] / row['s']:<9.1f} {row['places'] / row['cpu']:<13.1f} {row['mb']:<8.0f} "
            f"{row['bytes'] / 1e6 / row['km']:<6.1f} {row['tiles']}",
            flush=True,
        )
    for shorter, longer in pairwise(rows):
        ratio = np.log(longer["km"] / shorter["km"])
        exponents = [np.log(longer[unit] / shorter[unit]) / ratio for unit in ("s", "cpu")]
        print(f"exponent {shorter['km']:.0f} to {longer['km']:.0f} km: {exponents[0]:.3f}, of CPU s {exponents[1]:.3f}")


def measure(km: float, arguments: argparse.Namespace) -> dict[str, float]:
    """Build a map of this length, and return what it took."""
    limit_threads()
    bundle = ModelBundle.load()
    config = MapConfig(place_spacing=arguments.place_spacing, lateral_reach=arguments.lateral_reach)
    encoders = FixedEncoders(bundle) if arguments.encoder == "none" else bundle.encoders(threads=1)
    drive = long_drive(open_drive(arguments.drive), trajectory(arguments.poses, 1000 * km))
    stations = [0]
    with tempfile.TemporaryDirectory() as folder:
        start, cpu = time.perf_counter(), time.process_time()
        written = write_map(
            [drive],
            bundle,
            Path(folder) / "map",
            config,
            lambda done, _: stations.append(done),
            None,
            encoders,
            arguments.workers,
        )
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
    manifest = written.manifest
    return {
        "km": manifest.path_length / 1000,
        "stations": stations[-1],
        "places": manifest.places,
        "tiles": len(manifest.tiles),
        "s": seconds,
        "cpu": cpu_seconds,
        "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "bytes": manifest.size_bytes,
    }


def trajectory(folder: Path | None, length: float) -> Iterator[NDArray[np.float64]]:
    """Yield poses (4, 4) of the vehicle up to a length [m]: trajectories put end to end, or a straight line."""
    driven, last = 0.0, np.eye(4)
    files: list[Path | None] = [None] if folder is None else [*sorted(folder.glob("[0-9][0-9].txt"))]
    if not files:
        raise SystemExit(f"{folder}: has no NN.txt: give the poses of KITTI's odometry benchmark")
    while driven < length:
        for path in files:
            T_start = last
            for T in _poses(path):
                pose = T_start @ T
                driven += float(np.linalg.norm(pose[:3, 3] - last[:3, 3]))
                last = pose
                yield pose
                if driven >= length:
                    return


def _poses(path: Path | None) -> NDArray[np.float64]:
    """Return the poses (N, 4, 4) of a sequence, relative to its first one."""
    if path is None:
        poses = np.tile(np.eye(4), (1001, 1, 1))
        poses[:, 0, 3] = STEP * np.arange(1001)
        return poses
    T_map_camera = np.tile(np.eye(4), (len(rows := np.loadtxt(path).reshape(-1, 3, 4)), 1, 1))
    T_map_camera[:, :3] = rows
    poses = CAMERA_IN_BASE @ T_map_camera @ inverse(CAMERA_IN_BASE)
    return np.asarray(inverse(poses[0]) @ poses)


def long_drive(drive: Drive, poses: Iterator[NDArray[np.float64]]) -> Drive:
    """Return a drive with the scans of another one, in turn, at other poses."""
    scans = [frame.read_points for frame in drive.scans()]
    frames = tuple(Frame(10**8 * n, T, {}, scans[n % len(scans)]) for n, T in enumerate(poses))
    return replace(drive, name="synthetic", source=Path("synthetic"), frames=frames)


if __name__ == "__main__":
    main()
