"""A drive's samples, without the frames that cannot be read, and a hash of what was read."""

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
class Drawn(Generic[S]):
    """Samples of a drive.

    Attributes:
        drive: the drive with the frames that are whole.
        samples: drawn from them.
        sha256: over the stamps, poses, images and points behind the samples.
        skipped: why each other frame was left out.
    """

    drive: Drive
    samples: Sequence[S]
    sha256: str
    skipped: tuple[str, ...]


def draw_samples(method: Method[S], drive: Drive) -> Drawn[S]:
    """Draw a drive's samples; a frame whose image or scan is damaged is named in the log and left out.

    Raises:
        DatasetError: no frame has image, scan and pose.
    """
    watch = _Watch()
    watched = watch.over(drive.complete())
    try:
        return Drawn(watched, method.samples(watched), watch.sha256(watched), ())
    except LiplocError:
        if not watch.failed:
            raise
    watched, skipped = intact(watched)
    samples = method.samples(watched) if watched.frames else []
    return Drawn(watched, samples, watch.sha256(watched), skipped)


def intact(drive: Drive) -> tuple[Drive, tuple[str, ...]]:
    """Read all of a drive once; return it with the frames that can be read, and why each other one is left out."""
    frames, skipped = [], []
    for frame in tqdm(drive.frames, desc=f"checking {drive.name}", leave=False):
        try:
            _read(frame)
            frames.append(frame)
        except LiplocError as error:
            LOG.warning("skipped a frame of %s: %s", drive.name, error)
            skipped.append(str(error))
    return replace(drive, frames=frames), tuple(skipped)


class _Watch:
    """Sees all that is read of a drive."""

    def __init__(self) -> None:
        self.failed = False
        self._digests: dict[tuple[int, str], str] = {}

    def over(self, drive: Drive) -> Drive:
        return replace(drive, frames=[self._frame(frame) for frame in drive.frames])

    def sha256(self, drive: Drive) -> str:
        whole = hashlib.sha256()
        for frame in drive.frames:
            pose = b"" if frame.T_map_base is None else np.ascontiguousarray(frame.T_map_base).tobytes()
            whole.update(f"{frame.stamp_ns}".encode() + pose)
            for kind in (*sorted(frame.images), "points"):
                whole.update(self._digests.get((frame.stamp_ns, kind), "").encode())
        return whole.hexdigest()

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
