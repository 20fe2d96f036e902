# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The samples of drives without unreadable frames, drawn in several processes."""

from collections.abc import Iterator, Sequence
from typing import Generic, NamedTuple

import numpy as np
from torch.utils.data import Dataset
from tqdm import tqdm

from liploc_ros.datasets.drive import DatasetError, Drive
from liploc_ros.errors import LiplocError
from liploc_ros.learning.data.dataset_checks import Digests, ReadRecorder, readable_frames, sha256_of
from liploc_ros.learning.data.shared_samples import SharedSamples
from liploc_ros.learning.data.workers import draw_ahead
from liploc_ros.learning.method import Method, S


class UsedDrive(NamedTuple):
    """A drive with only the frames that can be read, the hash of its data, and why other frames were left out."""

    drive: Drive
    sha256: str
    skipped: tuple[str, ...]


def draw_samples(
    method: Method[S], drives: Sequence[Drive], workers: int = 0
) -> tuple[SharedSamples[S], list[UsedDrive]]:
    """Return the samples of all frames, in the order of drives and frames, and the drives.

    A frame with a damaged image or scan is logged and left out. The result does not depend on the number of workers.

    Args:
        method: draws the samples.
        drives: recordings; every drive needs a frame with an image, a scan and a pose.
        workers: number of worker processes; 0: only this process.

    Raises:
        DatasetError: a drive has no such frame, or a file cannot be read reliably.
        LiplocError: a sample cannot be drawn for another reason than a damaged image or scan.
        WorkerError: the same in a worker process, or it died.
    """
    complete = [drive.complete() for drive in drives]
    samples = SharedSamples[S]()
    drawn = _draw(method, complete, samples, workers)
    skipped: dict[int, tuple[str, ...]] = {}
    for i, frames in enumerate(drawn):
        if any(frame.sample is None for frame in frames):
            complete[i], skipped[i] = readable_frames(complete[i])
    if skipped:
        again = _draw(method, [complete[i] for i in skipped], samples, workers)
        for i, frames in zip(skipped, again, strict=True):
            drawn[i] = frames
            if any(frame.sample is None for frame in frames):
                raise DatasetError(f"{complete[i].source}: a file can sometimes be read, sometimes not: copy the drive")
    used = [
        UsedDrive(drive, sha256_of(drive, [frame.digests for frame in frames]), skipped.get(i, ()))
        for i, (drive, frames) in enumerate(zip(complete, drawn, strict=True))
    ]
    indices = [frame.sample for frames in drawn for frame in frames if frame.sample is not None]
    return samples.select(indices), used


class _DrawnFrame(NamedTuple):
    """The number of a frame's sample, None if its drive has data that cannot be read, and the hashes of its data."""

    sample: int | None
    digests: Digests


def _draw(
    method: Method[S], drives: Sequence[Drive], samples: SharedSamples[S], workers: int
) -> list[list[_DrawnFrame]]:
    """Append the samples of all frames to ``samples``, in any order. Return where they are, for each drive."""
    frames = [(i, j) for i, drive in enumerate(drives) for j in range(len(drive.frames))]
    workers = min(workers, len(frames))
    order = _interleaved(len(frames), workers)
    drawn: Iterator[tuple[S | None, Digests]] = draw_ahead(
        _FramesOfDrives(method, drives, frames), order, workers, "samples"
    )
    source = drives[0].name if len(drives) == 1 else f"{len(drives)} recordings"
    description = f"views of {source} (workers: {workers})"
    by_drive: list[dict[int, _DrawnFrame]] = [{} for _ in drives]
    for position, (sample, digests) in zip(order, tqdm(drawn, description, len(frames)), strict=True):
        i, j = frames[position]
        by_drive[i][j] = _DrawnFrame(None if sample is None else len(samples), digests)
        if sample is not None:
            samples.append(sample)
    return [[found[j] for j in range(len(found))] for found in by_drive]


def _interleaved(count: int, workers: int) -> list[int]:
    """Return an order in which each worker draws a range of consecutive frames, which have many scans in common.

    Worker k draws the items k, k + workers, ... of the order.
    """
    ranges = np.array_split(np.arange(count), max(1, workers))  # the first ones may have one item more
    return [int(part[i]) for i in range(len(ranges[0])) for part in ranges if i < len(part)]


class _FramesOfDrives(Dataset[tuple[S | None, Digests]], Generic[S]):
    """The samples of all frames of all drives, with the hashes of their data.

    The sample is None if its drive has data that cannot be read. Scans of one drive at a time are kept in memory.
    """

    def __init__(self, method: Method[S], drives: Sequence[Drive], frames: Sequence[tuple[int, int]]) -> None:
        self._method, self._drives, self._frames = method, drives, frames
        self._open: tuple[int, ReadRecorder, Sequence[S]] | None = None

    def __getitem__(self, position: int) -> tuple[S | None, Digests]:
        drive, frame = self._frames[position]
        if self._open is None or self._open[0] != drive:
            recorder = ReadRecorder(self._drives[drive])
            self._open = drive, recorder, self._method.samples(recorder.drive)
        _, recorder, samples = self._open
        sample = None
        try:
            sample = None if recorder.has_failed else samples[frame]
        except LiplocError:
            if not recorder.has_failed:
                raise
        return None if recorder.has_failed else sample, recorder.digests[frame]
