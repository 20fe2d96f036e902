# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A small excerpt of a KITTI drive for a demo: few scans, images between them, and points that compress well."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from liploc_ros.datasets.drive import DatasetError, Drive
from liploc_ros.datasets.kitti.to_bag import KittiBagOptions, KittiSelection, write_kitti_bag
from liploc_ros.schema import FrozenModel


class ExcerptOptions(FrozenModel):
    """Content and resolution of an excerpt."""

    scan_spacing: float = Field(10.0, gt=0, description="distance between scans along the path [m]")
    images: int = Field(40, gt=0, description="number of images, at equal distances along the path")
    quality: int = Field(85, ge=1, le=100, description="quality of the JPEG images")
    xy_step: float = Field(1 / 32, gt=0, description="x and y of points are rounded to multiples of this [m]")
    z_step: float = Field(1 / 64, gt=0, description="z of points is rounded to multiples of this [m]")
    reflectance_step: float = Field(1 / 32, gt=0, description="reflectance is rounded to multiples of this")
    thinning_range: float = Field(10.0, ge=0, description="nearer than this [m], one point is kept per angular bin")
    thinning_bin_deg: float = Field(0.3125, gt=0, description="size of an angular bin [degrees]")


@dataclass(frozen=True)
class Excerpt:
    """Statistics of a written excerpt.

    Attributes:
        scans: number of scans.
        nearest_scan_distances: (N,) distance along the path from each image to the nearest scan [m].
    """

    scans: int
    nearest_scan_distances: NDArray[np.float64]


def write_excerpt(
    drive: Drive,
    path: Path,
    options: ExcerptOptions = ExcerptOptions(),  # noqa: B008  frozen
    *,
    force: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Excerpt:
    """Write an excerpt of a KITTI drive as a bag; see :func:`liploc_ros.datasets.kitti.to_bag.write_kitti_bag`.

    Raises:
        DatasetError: the drive is damaged or too short, or the file exists.
        FileError: the file cannot be written.
    """
    drive = drive.complete()
    distances = path_distances(drive)
    selection = select_frames(distances, options)
    write_kitti_bag(
        drive,
        path,
        KittiBagOptions(compressed=True, quality=options.quality, level=19),
        selection=selection,
        points_filter=lambda points: coarsen(points, options),
        force=force,
        progress=progress,
    )
    to_scans = np.abs(distances[list(selection.images)][:, None] - distances[list(selection.scans)])
    return Excerpt(len(selection.scans), to_scans.min(axis=1))


def path_distances(drive: Drive) -> NDArray[np.float64]:
    """Return the distance travelled until each frame (N,) [m].

    Raises:
        DatasetError: a frame has no pose.
    """
    poses = [frame.T_map_base for frame in drive.frames if frame.T_map_base is not None]
    if len(poses) < len(drive.frames) or not poses:
        raise DatasetError(
            f"{drive.source}: {len(drive.frames) - len(poses)} frames have no pose: give a KITTI raw drive"
        )
    steps = np.linalg.norm(np.diff([T[:3, 3] for T in poses], axis=0), axis=1) if len(poses) > 1 else np.zeros(0)
    return np.concatenate([[0.0], np.cumsum(steps)])


def select_frames(distances: NDArray[np.float64], options: ExcerptOptions) -> KittiSelection:
    """Select scans that are at least ``scan_spacing`` apart, and images from the other frames at equal distances.

    Args:
        distances: (N,) distance travelled until each frame [m].
        options: ``scan_spacing`` and ``images`` are used.

    Raises:
        DatasetError: there are not enough frames.
    """
    scans = [0]
    for frame, distance in enumerate(distances):
        if distance - distances[scans[-1]] >= options.scan_spacing:
            scans.append(frame)
    free = np.setdiff1d(np.arange(len(distances)), scans)
    if len(free) < options.images:
        raise DatasetError(
            f"{options.images} images were requested, but only {len(free)} frames are not used for scans: "
            f"request at most {len(free)} images"
        )
    targets = (np.arange(options.images) + 0.5) * distances[-1] / options.images
    images: list[int] = []
    for target in targets:
        left = np.setdiff1d(free, images)
        images.append(int(left[np.argmin(np.abs(distances[left] - target))]))
    return KittiSelection(scans, sorted(images))


def coarsen(points: NDArray[np.float32], options: ExcerptOptions) -> NDArray[np.float32]:
    """Return rounded points (M, 4). Within ``thinning_range`` only the nearest point of each angular bin is kept.

    A third of the points of a LiDAR are within a few metres, where they are denser than the pixels of a view.
    """
    distance = np.linalg.norm(points[:, :3], axis=1)
    azimuth = np.arctan2(points[:, 1], points[:, 0])
    elevation = np.arctan2(points[:, 2], np.linalg.norm(points[:, :2], axis=1))
    bins = np.floor(np.rad2deg(np.stack([azimuth, elevation])) / options.thinning_bin_deg).astype(np.int64)
    key = bins[0] * 10_000 + bins[1]
    order = np.lexsort((distance, key))
    keep = distance > options.thinning_range
    keep[order[np.flatnonzero(np.diff(key[order], prepend=np.iinfo(np.int64).min))]] = True
    steps = np.array([options.xy_step, options.xy_step, options.z_step, options.reflectance_step], np.float32)
    return np.asarray(np.round(points[keep] / steps) * steps, np.float32)
