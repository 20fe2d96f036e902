# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The street from above: points, places, hypotheses, belief and poses."""

from functools import cached_property

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, to_rgb
from matplotlib.patches import Ellipse, Polygon
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from benchmarks.figures.drive import StreetFrame, TrackedImage
from benchmarks.figures.style import BLUE, DARK, GREY, INK, PROBABILITY, PROBABILITY_NORM
from liploc_ros.geometry.se2 import se2_of
from liploc_ros.localization import TrackingState

EXTENT = (-98.0, 98.0, -19.0, 21.0)  # along and across the street [m]
PIXEL, BELIEF_PIXEL = 0.1, 0.25  # metres
STANDING = -0.5, 4.0  # heights [m] over the vehicle's base, which is 0.9 m over the road
ROAD_RADIUS = 0.8  # metres around places that count as road
DENSITY_NORM = LogNorm(4e-5, 0.12, clip=True)  # per square metre; evenly over the street it is 0.0008
ELLIPSE_SIGMA = 2.0
MIN_SHOWN = 0.005  # probability of a hypothesis that is shown
LABEL_DISTANCE = 12.0  # metres between hypotheses whose probability is written
Rgb = tuple[float, float, float]


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
        ground, standing = (self._histogram(self.frame.points[chosen]) for chosen in (self.frame.heights <= low, stands))
        shade = np.clip(0.10 * np.minimum(ground, 2) + 0.9 * (1 - np.exp(-0.5 * standing)), 0, 0.95)[..., None]
        return np.asarray(1 - shade * (1 - np.array(to_rgb("#4b5563"))))

    @cached_property
    def _is_road(self) -> NDArray[np.bool_]:
        """(h, w) where places of the map are near, in pixels of the belief."""
        x, y = _pixel_centres(BELIEF_PIXEL)
        empty = np.ones((len(y), len(x)), bool)
        column = ((self.frame.places[:, 0] - EXTENT[0]) / BELIEF_PIXEL).astype(int)
        row = ((self.frame.places[:, 1] - EXTENT[2]) / BELIEF_PIXEL).astype(int)
        empty[row, column] = False
        return np.asarray(distance_transform_edt(empty) * BELIEF_PIXEL < ROAD_RADIUS)

    def belief(self, tracked: TrackedImage, smoothing: float) -> NDArray[np.float64]:
        """Return the belief as an image (h, w, 4): hypotheses as normal distributions, the rest over the whole road.

        Args:
            tracked: an image and the belief after it.
            smoothing: standard deviation by which hypotheses are widened, so that they can be seen [m].
        """
        x, y = _pixel_centres(BELIEF_PIXEL)
        at = np.stack(np.meshgrid(x, y), axis=-1)
        lost = tracked.result.probability_lost / (self._is_road.sum() * BELIEF_PIXEL**2)
        density = np.where(self._is_road, lost, 0.0)
        R = self.frame.R
        means = self.frame.of(tracked.means[:, :2])
        for mean, covariance, p in zip(means, tracked.covariances, tracked.probabilities, strict=True):
            C = R @ covariance[:2, :2] @ R.T + smoothing**2 * np.eye(2)
            offset = at - mean
            distance = np.einsum("...i,ij,...j", offset, np.linalg.inv(C), offset)
            density += p * np.exp(-0.5 * distance) / (2 * np.pi * np.sqrt(np.linalg.det(C)))
        strength = DENSITY_NORM(np.maximum(density, 1e-12))
        image = PROBABILITY(0.1 + 0.75 * np.asarray(strength))
        image[..., 3] = np.clip(1.8 * np.asarray(strength), 0, 0.9)
        return np.asarray(image)

    def draw(self, axes: Axes, tracked: TrackedImage | None, size: float, *, labels: bool) -> None:
        """Draw everything, with symbols of a size in metres."""
        axes.imshow(self.points, extent=EXTENT, origin="lower", interpolation="bilinear", zorder=0)
        axes.plot(*self.frame.path.T, "-", color=GREY, lw=1.0, zorder=2)
        if tracked is not None:
            axes.imshow(self.belief(tracked, 0.16 * size), extent=EXTENT, origin="lower", interpolation="bilinear", zorder=1)
            self._draw_poses(axes, tracked, size, labels)
        axes.set_xlim(*EXTENT[:2])
        axes.set_ylim(*EXTENT[2:])
        axes.set_aspect("equal")
        axes.set_xticks([])
        axes.set_yticks([])

    def pose(self, T_map_base: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        """Return position (2,) and heading of a pose on the street."""
        x, y, yaw = se2_of(T_map_base)
        return self.frame.of(np.array([[x, y]]))[0], float(yaw) - self.frame.yaw

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
            axes.annotate(percent(hypothesis.probability), at, (0, 17), textcoords="offset points", ha="center",
                          va="center", zorder=8, fontsize=11, fontweight="bold", bbox=style)  # fmt: skip
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
    return Ellipse((float(at[0]), float(at[1])), width, height, angle=angle, fc="none", ec=colour, lw=2.0, zorder=7)


def percent(probability: float) -> str:
    """Return a probability in words."""
    return f"{100 * probability:.0f} %" if probability >= 0.01 else "< 1 %"


def _pixel_centres(pixel: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x0, x1, y0, y1 = EXTENT
    return np.arange(x0 + pixel / 2, x1, pixel), np.arange(y0 + pixel / 2, y1, pixel)
