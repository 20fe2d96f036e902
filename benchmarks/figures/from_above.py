# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The street from above: points, places, hypotheses, belief and poses."""

from functools import cached_property

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, to_rgb
from matplotlib.patches import Ellipse, Polygon
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from benchmarks.figures.drive import StreetFrame, TrackedImage
from benchmarks.figures.style import BLUE, DARK, GREY, INK, PROBABILITY, PROBABILITY_NORM
from liploc_ros.geometry.se2 import se2_of
from liploc_ros.localization import TrackingState

EXTENT = (-98.0, 98.0, -19.0, 21.0)  # along and across the street [m]
PIXEL = 0.1  # metres
BELIEF_COLUMNS = 640
STANDING = -0.5, 4.0  # heights [m] over the vehicle's base, which is 0.9 m over the road
ROAD_RADIUS = 0.8  # metres around places that count as road
DENSITY_NORM = LogNorm(4e-5, 0.12, clip=True)  # per square metre; evenly over the street it is 0.0008
ELLIPSE_SIGMA = 2.0
MIN_SHOWN = 0.005  # probability of a hypothesis that is shown
LABEL_DISTANCE = 12.0  # metres between hypotheses whose probability is written
Extent = tuple[float, float, float, float]
"""Limits along and across the street [m]."""


class FromAbove:
    """Draws the street and what is known about a pose on it."""

    def __init__(self, frame: StreetFrame) -> None:
        """Take the coordinates of the street."""
        self.frame = frame

    @cached_property
    def points(self) -> NDArray[np.float64]:
        """Image (h, w, 3) of the points: what stands is darker than what lies on the ground."""
        low, high = STANDING
        stands = (self.frame.heights > low) & (self.frame.heights < high)
        lies = self.frame.heights <= low
        ground, standing = (self._histogram(self.frame.points[chosen]) for chosen in (lies, stands))
        shade = np.clip(0.10 * np.minimum(ground, 2) + 0.9 * (1 - np.exp(-0.5 * standing)), 0, 0.95)[..., None]
        return np.asarray(1 - shade * (1 - np.array(to_rgb("#4b5563"))))

    @cached_property
    def _places(self) -> cKDTree:
        return cKDTree(self.frame.places)

    @cached_property
    def _road_area(self) -> float:
        """Area around the places of the map [m^2]."""
        return float(self._is_road(_grid_of(EXTENT)).mean() * (EXTENT[1] - EXTENT[0]) * (EXTENT[3] - EXTENT[2]))

    def _is_road(self, at: NDArray[np.float64]) -> NDArray[np.bool_]:
        distance, _ = self._places.query(at, distance_upper_bound=ROAD_RADIUS)
        return np.asarray(np.isfinite(distance))

    def belief(self, tracked: TrackedImage, smoothing: float, extent: Extent) -> NDArray[np.float64]:
        """Return the belief as an image (h, w, 4): hypotheses as normal distributions, the rest over the whole road.

        Args:
            tracked: an image and the belief after it.
            smoothing: standard deviation by which hypotheses are widened, so that they can be seen [m].
            extent: what to draw.
        """
        at, R = _grid_of(extent), self.frame.R
        density = np.where(self._is_road(at), tracked.result.probability_lost / self._road_area, 0.0)
        means = self.frame.of(tracked.means[:, :2])
        for mean, covariance, p in zip(means, tracked.covariances, tracked.probabilities, strict=True):
            C = R @ covariance[:2, :2] @ R.T + smoothing**2 * np.eye(2)
            offset = at - mean
            distance = np.sum(offset @ np.linalg.inv(C) * offset, axis=-1)
            density += p * np.exp(-0.5 * distance) / (2 * np.pi * np.sqrt(np.linalg.det(C)))
        strength = np.asarray(DENSITY_NORM(np.maximum(density, 1e-12)))
        image = np.asarray(PROBABILITY(0.1 + 0.75 * strength))
        image[..., 3] = np.clip(1.8 * strength, 0, 0.9)
        return image

    def draw(
        self, axes: Axes, tracked: TrackedImage | None, size: float, extent: Extent = EXTENT, *, labels: bool = False
    ) -> None:
        """Draw a part of the street, with symbols of a size in metres, and the probabilities beside them."""
        axes.imshow(self.points, extent=EXTENT, origin="lower", interpolation="bilinear", zorder=0)
        axes.plot(*self.frame.path.T, "-", color=GREY, lw=1.0, zorder=2)
        if tracked is not None:
            belief = self.belief(tracked, 0.16 * size, extent)
            axes.imshow(belief, extent=extent, origin="lower", interpolation="bilinear", zorder=1)
            self._draw_poses(axes, tracked, size, labels)
        axes.set_xlim(*extent[:2])
        axes.set_ylim(*extent[2:])
        axes.set_aspect("equal")
        axes.set_xticks([])
        axes.set_yticks([])

    def pose(self, T_map_base: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        """Return position (2,) and heading of a pose on the street."""
        x, y, yaw = se2_of(T_map_base)
        return self.frame.of(np.array([[x, y]]))[0], float(yaw) - self.frame.yaw

    def is_beyond_map(self, T_map_base: NDArray[np.float64]) -> bool:
        """Return whether a pose is farther along the street than all places of the map."""
        (along, _), _ = self.pose(T_map_base)
        return not self.frame.places[:, 0].min() <= along <= self.frame.places[:, 0].max()

    def _draw_poses(self, axes: Axes, tracked: TrackedImage, size: float, labels: bool) -> None:
        is_localized = tracked.result.state is TrackingState.LOCALIZED
        labelled: list[float] = []
        for rank, hypothesis in enumerate(tracked.result.hypotheses):
            if hypothesis.probability < MIN_SHOWN:
                continue
            at, heading = self.pose(hypothesis.T_map_base)
            is_accepted = is_localized and rank == 0
            colour = BLUE if is_accepted else PROBABILITY(PROBABILITY_NORM(hypothesis.probability))
            axes.add_patch(arrow(at, heading, size, colour, "white" if is_accepted else DARK, zorder=6 - rank / 10))
            if is_accepted:
                covariance = self.frame.R @ hypothesis.covariance[:2, :2] @ self.frame.R.T
                axes.add_patch(ellipse(at, covariance, BLUE))
            if not labels or is_accepted or any(abs(at[0] - other) < LABEL_DISTANCE for other in labelled):
                continue
            labelled.append(float(at[0]))
            style = {"boxstyle": "round,pad=0.15", "fc": "w", "ec": "none", "alpha": 0.8}
            text, position = percent(hypothesis.probability), (float(at[0]), float(at[1]))
            axes.annotate(text, position, (0, 17), textcoords="offset points", ha="center", va="center", zorder=8,
                          fontsize=11, fontweight="bold", bbox=style)  # fmt: skip
        at, _ = self.pose(tracked.T_map_base_true)
        axes.plot(*at, "o", mfc="none", mec=INK, ms=15, mew=1.8, zorder=7)

    def _histogram(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        x0, x1, y0, y1 = EXTENT
        bins = round((y1 - y0) / PIXEL), round((x1 - x0) / PIXEL)
        counts, *_ = np.histogram2d(points[:, 1], points[:, 0], bins=bins, range=[[y0, y1], [x0, x1]])
        return np.asarray(counts)


def arrow(at: NDArray[np.float64], heading: float, size: float, colour: object, edge: str, zorder: float) -> Polygon:
    """Return a vehicle that looks along its heading."""
    shape = size * np.array([[0.62, 0.0], [-0.45, 0.42], [-0.22, 0.0], [-0.45, -0.42]])
    cos, sin = np.cos(heading), np.sin(heading)
    corners = shape @ np.array([[cos, sin], [-sin, cos]]) + at
    return Polygon(corners, closed=True, fc=colour, ec=edge, lw=0.9, zorder=zorder)


def ellipse(at: NDArray[np.float64], covariance: NDArray[np.float64], colour: str) -> Ellipse:
    """Return the ellipse of two standard deviations."""
    variances, axes = np.linalg.eigh(covariance)
    width, height = 2 * ELLIPSE_SIGMA * np.sqrt(variances[::-1])
    angle = np.rad2deg(np.arctan2(axes[1, 1], axes[0, 1]))
    centre, fill = (float(at[0]), float(at[1])), (*to_rgb(colour), 0.25)
    return Ellipse(centre, width, height, angle=angle, fc=fill, ec=colour, lw=1.8, zorder=4)


def percent(probability: float) -> str:
    """Return a probability in words."""
    return f"{100 * probability:.0f} %" if probability >= 0.01 else "< 1 %"


def _grid_of(extent: Extent) -> NDArray[np.float64]:
    """Return the centres (h, w, 2) of the pixels of an image of the belief."""
    x0, x1, y0, y1 = extent
    width = BELIEF_COLUMNS
    height = round(width * (y1 - y0) / (x1 - x0))
    x = x0 + (np.arange(width) + 0.5) * (x1 - x0) / width
    y = y0 + (np.arange(height) + 0.5) * (y1 - y0) / height
    return np.stack(np.meshgrid(x, y), axis=-1)
