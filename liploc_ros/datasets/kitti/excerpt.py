"""A small excerpt of a KITTI drive, for a demo: few scans, images between them, points made to compress well."""

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
    """What goes into an excerpt, and how finely."""

    scan_spacing: float = Field(10.0, gt=0, description="way between scans [m]")
    images: int = Field(40, gt=0, description="how many images, spread evenly over the way")
    quality: int = Field(85, ge=1, le=100, description="quality of the JPEG images")
    step: float = Field(1 / 32, gt=0, description="x and y of points are rounded to multiples of this [m]")
    height_step: float = Field(1 / 64, gt=0, description="z of points is rounded to multiples of this [m]")
    reflectance_step: float = Field(1 / 32, gt=0, description="reflectance is rounded to multiples of this")
    thin_within: float = Field(10.0, ge=0, description="nearer than this [m], one point is kept in each angular cell")
    thin_cell_deg: float = Field(0.3125, gt=0, description="size of an angular cell [degrees]")


@dataclass(frozen=True)
class Excerpt:
    """What was written: way between each image and the scan nearest to it, (N,) [m], and how many scans."""

    scans: int
    nearest_scan: NDArray[np.float64]


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
        DatasetError: the drive is damaged, too short, or the file exists or cannot be written.
    """
    drive = drive.complete()
    way = way_along(drive)
    selection = select_frames(way, options)
    write_kitti_bag(
        drive,
        path,
        KittiBagOptions(compressed=True, quality=options.quality, level=19),
        selection=selection,
        points_filter=lambda points: coarsen(points, options),
        force=force,
        progress=progress,
    )
    to_scans = np.abs(way[list(selection.images)][:, None] - way[list(selection.scans)])
    return Excerpt(len(selection.scans), to_scans.min(axis=1))


def way_along(drive: Drive) -> NDArray[np.float64]:
    """Return the (N,) way [m] that the vehicle has gone at each frame.

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


def select_frames(way: NDArray[np.float64], options: ExcerptOptions) -> KittiSelection:
    """Choose scans at least ``scan_spacing`` apart, and images evenly along the way among the other frames.

    Raises:
        DatasetError: there are not enough frames.
    """
    scans = [0]
    for frame, gone in enumerate(way):
        if gone - way[scans[-1]] >= options.scan_spacing:
            scans.append(frame)
    free = np.setdiff1d(np.arange(len(way)), scans)
    if len(free) < options.images:
        raise DatasetError(f"{len(free)} frames are left beside the scans: ask for at most so many images")
    targets = (np.arange(options.images) + 0.5) * way[-1] / options.images
    images: list[int] = []
    for target in targets:
        left = np.setdiff1d(free, images)
        images.append(int(left[np.argmin(np.abs(way[left] - target))]))
    return KittiSelection(scans, sorted(images))


def coarsen(points: NDArray[np.float32], options: ExcerptOptions) -> NDArray[np.float32]:
    """Return (M, 4) points, rounded, with at most one in each angular cell close by: the nearest.

    The lowest beams of a LiDAR put a third of their points within a few metres, closer than a pixel of a view.
    """
    distance = np.linalg.norm(points[:, :3], axis=1)
    azimuth = np.arctan2(points[:, 1], points[:, 0])
    elevation = np.arctan2(points[:, 2], np.linalg.norm(points[:, :2], axis=1))
    cell = np.floor(np.rad2deg(np.stack([azimuth, elevation])) / options.thin_cell_deg).astype(np.int64)
    key = cell[0] * 10_000 + cell[1]
    order = np.lexsort((distance, key))
    keep = distance > options.thin_within
    keep[order[np.flatnonzero(np.diff(key[order], prepend=np.iinfo(np.int64).min))]] = True
    steps = np.array([options.step, options.step, options.height_step, options.reflectance_step], np.float32)
    return np.asarray(np.round(points[keep] / steps) * steps, np.float32)
