# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The shared memory of Fast DDS: is an image larger than the segment that programs of this shell get?"""

import os
import shutil
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from liploc_ros.doctor.examination import Examination
from liploc_ros.doctor.finding import Finding, error, ok, warn
from liploc_ros.geometry import MountedCamera
from liploc_ros.nodes.common.dds_profile import (
    FAST_DDS,
    MIN_FREE_BYTES,
    PROFILE_VARIABLES,
    SHARED_MEMORY,
    USER_FILES,
    choose_profile,
    profile_variable,
)

DEFAULT_SEGMENT = 512 * 1024
MIN_IMAGES = 3  # that a segment should hold; a slow subscriber keeps some
CHANNELS = 3


class Segment(NamedTuple):
    """The shared-memory segment of programs that are started from this shell.

    Attributes:
        size: [byte]; None if it is not known.
        source: what sets it.
        finding: what is wrong with it, if something is.
    """

    size: int | None
    source: str
    finding: Finding | None = None


def check_dds(examination: Examination) -> Iterable[Finding]:
    """Compare the segment with the raw images of the cameras, and look at the free shared memory."""
    segment = segment_of(os.environ, Path())
    if segment.finding is not None:
        yield segment.finding
    free = shutil.disk_usage(SHARED_MEMORY).free if SHARED_MEMORY.is_dir() else 0
    if segment.size is not None and free < MIN_FREE_BYTES:
        yield warn(
            f"{SHARED_MEMORY} has {free / 1e6:.0f} MB free, this package needs {MIN_FREE_BYTES / 1e6:.0f} MB",
            "start the container with --ipc=host or a larger --shm-size, or remove segments of ended programs "
            "(fastdds shm clean)",
        )
    sizes = [
        CHANNELS * camera.camera.width * camera.camera.height
        for camera in examination.cameras.values()
        if isinstance(camera, MountedCamera)
    ]
    if segment.finding is None:
        yield compare(segment, max(sizes, default=0))


def compare(segment: Segment, image_bytes: int) -> Finding:
    """Return whether images of this size fit into a segment; 0 if their size is not known."""
    if segment.size is None:
        return ok(segment.source)
    has = f"shared-memory segment of {segment.size / 1e6:.1f} MB ({segment.source})"
    if not image_bytes:
        hint = "; raw images that are larger need the profile in the camera driver" * (segment.size == DEFAULT_SEGMENT)
        return ok(f"{has}{hint}")
    image = f"a raw image has {image_bytes / 1e6:.1f} MB"
    if segment.size >= MIN_IMAGES * image_bytes:
        return ok(f"{has}, {image}")
    loss = "lost with best effort, late with reliable" if segment.size < image_bytes else "lost if one is used slowly"
    return warn(f"{has}, {image}: images are {loss}", remedy())


def remedy() -> str:
    """Return how to give the camera driver a larger segment."""
    path = next(iter(choose_profile({}).variables.values()), "config/fastdds_large_messages.xml")
    return f"start the camera driver with {profile_variable()}={path} (docs/dds.md)"


def segment_of(environment: Mapping[str, str], folder: Path) -> Segment:
    """Return the segment of programs with this environment that are started in this folder."""
    middleware = environment.get("RMW_IMPLEMENTATION", "")
    if middleware and not middleware.startswith(FAST_DDS):
        return Segment(None, f"{middleware} is used, see docs/dds.md for its buffers")
    if transports := environment.get("FASTDDS_BUILTIN_TRANSPORTS"):
        return Segment(None, f"FASTDDS_BUILTIN_TRANSPORTS={transports} sets the transports")
    read = profile_variable()
    if environment.get(read):
        return _of_file(Path(environment[read]), f"{read}={environment[read]}")
    for other in PROFILE_VARIABLES:
        if other != read and environment.get(other):
            finding = warn(f"{other} is set, but this distribution reads {read}", f"export {read}={environment[other]}")
            return Segment(DEFAULT_SEGMENT, "default", finding)
    for name in USER_FILES:
        if (folder / name).exists():
            return _of_file(folder / name, f"{name} in the current folder")
    return Segment(DEFAULT_SEGMENT, "default; launch files and liploc play use the profile of this package")


def _of_file(path: Path, source: str) -> Segment:
    try:
        root = ElementTree.parse(path).getroot()
    except OSError as failure:
        finding = error(f"{source}: cannot be read ({failure.strerror}), Fast DDS ignores it", "correct the path")
        return Segment(DEFAULT_SEGMENT, source, finding)
    except ElementTree.ParseError as failure:
        finding = error(
            f"{source}: not valid XML ({failure}), Fast DDS ignores it",
            "correct it, or use config/fastdds_large_messages.xml of this package",
        )
        return Segment(DEFAULT_SEGMENT, source, finding)
    sizes = [
        int(element.text)
        for element in root.iter()
        if element.tag.rpartition("}")[2] == "segment_size"
        and (element.text or "").strip().isdecimal()
        and element.text
    ]
    return Segment(max(sizes, default=DEFAULT_SEGMENT), source)
