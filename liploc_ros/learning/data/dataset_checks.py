# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The samples of a drive without unreadable frames, and a hash of the data that was read."""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic

import numpy as np
from tqdm import tqdm

from liploc_ros.datasets.drive import Drive, Frame
from liploc_ros.errors import LiplocError
from liploc_ros.learning.method import Method, S

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class DriveSamples(Generic[S]):
    """Samples of a drive.

    Attributes:
        drive: the drive, with only the frames that can be read.
        samples: of these frames.
        sha256: over the stamps, poses, images and points behind the samples.
        skipped: for each frame that was left out, the reason.
    """

    drive: Drive
    samples: Sequence[S]
    sha256: str
    skipped: tuple[str, ...]


def make_samples(method: Method[S], drive: Drive) -> DriveSamples[S]:
    """Return a drive's samples. A frame with a damaged image or scan is logged and left out.

    Raises:
        DatasetError: no frame has an image, a scan and a pose.
    """
    reads = _ReadRecorder()
    recorded = reads.wrap(drive.complete())
    try:
        return DriveSamples(recorded, method.samples(recorded), reads.sha256(recorded), ())
    except LiplocError:
        if not reads.failed:
            raise
    recorded, skipped = readable_frames(recorded)
    samples = method.samples(recorded) if recorded.frames else []
    return DriveSamples(recorded, samples, reads.sha256(recorded), skipped)


def readable_frames(drive: Drive) -> tuple[Drive, tuple[str, ...]]:
    """Read every frame once. Return the drive with the readable frames, and the reason for each other frame."""
    frames, skipped = [], []
    for frame in tqdm(drive.frames, desc=f"checking {drive.name}", leave=False):
        try:
            _read(frame)
            frames.append(frame)
        except LiplocError as error:
            LOG.warning("skipped a frame of %s: %s", drive.name, error)
            skipped.append(str(error))
    return replace(drive, frames=frames), tuple(skipped)


class _ReadRecorder:
    """Records what is read from a drive: the hash of each image and scan, and whether a read failed."""

    def __init__(self) -> None:
        self.failed = False
        self._digests: dict[tuple[int, str], str] = {}

    def wrap(self, drive: Drive) -> Drive:
        """Return the drive with read functions that are recorded."""
        return replace(drive, frames=[self._frame(frame) for frame in drive.frames])

    def sha256(self, drive: Drive) -> str:
        """Return the hash over the stamps, poses and recorded data of all frames."""
        digest = hashlib.sha256()
        for frame in drive.frames:
            pose = b"" if frame.T_map_base is None else np.ascontiguousarray(frame.T_map_base).tobytes()
            digest.update(f"{frame.stamp_ns}".encode() + pose)
            for kind in (*sorted(frame.images), "points"):
                digest.update(self._digests.get((frame.stamp_ns, kind), "").encode())
        return digest.hexdigest()

    def _frame(self, frame: Frame) -> Frame:
        images = {name: partial(self._read, (frame.stamp_ns, name), read) for name, read in frame.images.items()}
        points = frame.read_points
        return replace(
            frame,
            images=images,
            read_points=None if points is None else partial(self._read, (frame.stamp_ns, "points"), points),
        )

    def _read(self, key: tuple[int, str], read: Callable[[], Any]) -> Any:
        try:
            values = read()
        except LiplocError:
            self.failed = True
            raise
        if key not in self._digests:
            self._digests[key] = hashlib.sha256(np.asarray(values).tobytes()).hexdigest()
        return values


def _read(frame: Frame) -> None:
    for read in frame.images.values():
        read()
    if frame.read_points is not None:
        frame.read_points()
