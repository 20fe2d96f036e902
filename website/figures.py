# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The figures of docs/concepts.md, drawn from the demo recording: python -m website.figures."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from liploc_ros import LidarMap, Localizer, ModelBundle, build_map, open_drive
from liploc_ros.datasets import Drive, Frame
from liploc_ros.localization import EncodedView, TrackingResult, TrackingState
from liploc_ros.mapping import MapConfig
from liploc_ros.threads import limit_threads
from liploc_ros.views import CameraViewer, Panorama, Scan, draw_virtual_view
from website.sources import DOCS, REPOSITORY

FOLDER = DOCS / "concepts"
RECORDING = REPOSITORY / "demo" / "kitti_0013_excerpt.mcap"
IMAGE, FIRST_TRACKED = 20, 8  # of the recording
WIDTH, DPI = 8.0, 110
COLOURS = {TrackingState.LOST: "0.5", TrackingState.CONVERGING: "#d98200", TrackingState.LOCALIZED: "#0072b2"}


@dataclass
class Street:
    """The demo recording, its map, and one of its images."""

    drive: Drive
    lidar_map: LidarMap
    localizer: Localizer

    @classmethod
    def build(cls) -> "Street":
        """Build the map, with places on the path only and features that are not coded."""
        bundle, drive = ModelBundle.load(), open_drive(RECORDING)
        lidar_map = build_map(drive, bundle, MapConfig(lateral_reach=0.0, code_features=False))
        return cls(drive, lidar_map, Localizer(lidar_map, bundle))

    @cached_property
    def frames(self) -> list[Frame]:
        """Those with an image and a pose."""
        return [frame for frame in self.drive.images() if frame.T_map_base is not None]

    def image(self, number: int) -> NDArray[np.uint8]:
        """Return an image."""
        return self.frames[number].images[self.camera]()

    @property
    def camera(self) -> str:
        """Optical frame of the camera."""
        return next(iter(self.drive.cameras))

    @cached_property
    def view(self) -> EncodedView:
        """The features of the image."""
        view = self.localizer.encode(self.image(IMAGE), self.drive.cameras[self.camera])
        if view is None:
            raise ValueError(f"image {IMAGE} shows nothing")
        return view

    @cached_property
    def true_place(self) -> int:
        """Row of the place nearest to the image."""
        T = self.frames[IMAGE].T_map_base
        return int(self.lidar_map.nearest_places(np.asarray(T)[None, :3, 3])[0])


def draw_views(street: Street) -> Figure:
    """Return image, camera view, and the LiDAR view at the true pose from the two nearest scans."""
    grid, heading, frame = street.lidar_map.manifest.grid, street.view.heading, street.frames[IMAGE]
    camera_view = CameraViewer(grid, street.drive.cameras[street.camera], heading).draw(street.image(IMAGE))
    lidar_view = _panorama(street, np.asarray(frame.T_map_base)).facing(grid, heading)
    figure = Figure(figsize=(WIDTH, 7.4), dpi=DPI, layout="constrained")
    axes = figure.subplots(4, height_ratios=[1.2, 1, 1, 1])
    axes[0].imshow(street.image(IMAGE))
    axes[0].set_title("camera image", fontsize=9)
    axes[1].imshow(np.where(camera_view.mask[..., None], camera_view.image, 255))
    axes[1].set_title("camera view: the image on the view grid", fontsize=9)
    axes[2].imshow(np.where(lidar_view.mask, np.log(np.maximum(lidar_view.range, 1.0)), np.nan), cmap="viridis_r")
    axes[2].set_title("LiDAR view from the nearest scans on the same grid: range", fontsize=9)
    axes[3].imshow(np.where(lidar_view.mask, lidar_view.reflectance, np.nan), cmap="gray", vmax=0.7)
    axes[3].set_title("LiDAR view: reflectance", fontsize=9)
    for row, one in enumerate(axes):
        one.set(xticks=[], yticks=[])
        if row:  # the cells, each with one feature
            one.set_xticks(np.arange(0, grid.width, 8) - 0.5, minor=True)
            one.set_yticks(np.arange(0, grid.height, 8) - 0.5, minor=True)
            one.grid(which="minor", color="k", lw=0.3, alpha=0.35)
            one.tick_params(which="minor", length=0)
    return figure


def draw_search(street: Street) -> Figure:
    """Return the scores of the search index for the image: all places and headings."""
    index, layout = street.lidar_map.index, street.lidar_map.manifest.layout
    found = index.search(street.view.features, len(street.lidar_map.T_map_base) * layout.headings)
    yaw = np.rad2deg(layout.heading_yaw(np.array([candidate.heading for candidate in found])))
    places, scores = [c.place for c in found], [c.score for c in found]
    figure, axes = _axes(3.4)
    shown = axes.scatter(places, (yaw + 180) % 360 - 180, c=scores, s=24, marker="s", linewidths=0, cmap="magma")
    figure.colorbar(shown, label="cosine of the descriptors")
    chosen = street.localizer.search(street.view)
    chosen_yaw = (np.rad2deg(layout.heading_yaw(np.array([c.heading for c in chosen]))) + 180) % 360 - 180
    axes.plot([c.place for c in chosen], chosen_yaw, "o", mfc="none", mec="c", ms=9, label="candidates")
    axes.plot(street.true_place, np.rad2deg(street.view.heading), "x", color="lime", ms=9, mew=2, label="truth")
    axes.set(xlabel="place along the path", ylabel="heading in the vehicle [degrees]")
    axes.legend(fontsize=8, loc="upper right")
    return figure


def draw_matches(street: Street) -> Figure:
    """Return the match scores of all poses that were compared, and the probabilities of the hypotheses."""
    matches = street.localizer.match(street.view)
    hypotheses = street.localizer.estimate(matches).hypotheses
    figure = Figure(figsize=(WIDTH, 4.2), dpi=DPI, layout="constrained")
    upper, lower = figure.subplots(2, sharex=True)
    upper.plot(matches.place, matches.match_score - matches.match_score.max(), ".", ms=3, color="0.4")
    upper.set_ylabel("match score,\nbest = 0")
    lower.bar([h.place_id for h in hypotheses], [h.probability for h in hypotheses], width=1.5, color="#0072b2")
    for hypothesis in hypotheses[:1]:
        text = f"  {hypothesis.probability:.3f}, confidence {hypothesis.confidence:.3f}"
        lower.annotate(text, (hypothesis.place_id + 1, 0.9), fontsize=8)
    lower.set(xlabel="place along the path", ylabel="probability of\nhypotheses", ylim=(0, 1.05))
    for axes in (upper, lower):
        axes.axvline(street.true_place, color="lime", lw=1, zorder=0, label="truth")
        axes.grid(alpha=0.3)
    upper.legend(fontsize=8)
    return figure


def draw_belief(street: Street) -> Figure:
    """Return the state of tracking and the probabilities over the distance driven."""
    tracked = [_tracked(street, number) for number in range(FIRST_TRACKED, len(street.frames))]
    positions = np.array([np.asarray(frame.T_map_base)[:2, 3] for frame in street.frames[FIRST_TRACKED:]])
    distance = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(positions, axis=0), axis=1))])
    figure, axes = _axes(3.0)
    axes.plot(distance, [0.0 if t.best is None else t.best.probability for t in tracked], "-", color="0.6", zorder=1)
    for state, colour in COLOURS.items():
        chosen = [
            (d, t.best.probability) for d, t in zip(distance, tracked, strict=True) if t.state is state and t.best
        ]
        if chosen:
            axes.plot(*np.transpose(chosen), "o", ms=5, color=colour, label=f"first hypothesis, {state.name}")
    axes.plot(distance, [t.probability_lost for t in tracked], "k:", label="lost")
    axes.set(xlabel="distance driven [m]", ylabel="probability", ylim=(0, 1.05))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return figure


def _tracked(street: Street, number: int) -> TrackingResult:
    frame, camera = street.frames[number], street.drive.cameras[street.camera]
    return street.localizer.track(street.image(number), camera, frame.stamp_ns, frame.T_map_base)


def _panorama(street: Street, T_map_base: NDArray[np.float64]) -> Panorama:
    T_map_view = T_map_base.copy()
    T_map_view[:3, 3] += T_map_base[:3, :3] @ np.array(street.lidar_map.manifest.view_origin)
    T_map_lidar = [np.asarray(s.T_map_base) @ np.asarray(street.drive.T_base_lidar) for s in street.drive.scans()]
    order = np.argsort([np.linalg.norm((T - T_map_view)[:3, 3]) for T in T_map_lidar])[:2]
    frames = list(street.drive.scans())
    scans = [Scan(read(), T_map_lidar[i]) for i in order.tolist() if (read := frames[i].read_points) is not None]
    return draw_virtual_view(scans, T_map_view, street.lidar_map.manifest.grid)


def _axes(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained")
    return figure, figure.subplots()


def write_figures(folder: Path = FOLDER) -> None:
    """Write all figures."""
    limit_threads()
    street = Street.build()
    folder.mkdir(parents=True, exist_ok=True)
    draw_views(street).savefig(folder / "views.jpg", pil_kwargs={"quality": 85})
    draw_search(street).savefig(folder / "search.png")
    draw_matches(street).savefig(folder / "matches.png")
    draw_belief(street).savefig(folder / "belief.png")


if __name__ == "__main__":
    write_figures()
