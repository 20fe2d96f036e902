# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The panel of the page: state, playback, images, scores over time, hypotheses, health, and what the scene shows."""

from collections import deque
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import viser
import viser.uplot
from numpy.typing import NDArray

from liploc_ros.localization import Hypothesis, Localization, TrackingResult
from liploc_ros.view.html import health_html, hypotheses_html, state_html, text_html
from liploc_ros.view.playback import Playback
from liploc_ros.view.updates import HealthLine

IMAGE_WIDTH, VIEW_WIDTH = 720, 768  # pixels
JPEG_QUALITY = 80
MAX_SAMPLES = 300  # of a plot
SPEEDS = ("0.1", "0.25", "0.5", "1", "2", "5", "10")
SERIES = (("score", "#ffd60a"), ("confidence", "#63e6be"), ("belief", "#4d8dff"), ("lost", "#ff5c8a"))
PAUSE, PLAY, STEP, RESTART = "Pause", "Play", "Step", "Restart"
NANOSECONDS = 1e9


class Panel:
    """The elements beside the scene. Those that get nothing stay hidden."""

    def __init__(self, gui: viser.GuiApi, source: str, playback: Playback | None) -> None:
        """Make the elements.

        Args:
            gui: of the page.
            source: where the results come from, in words.
            playback: controls of a recording; None without a recording.
        """
        self._gui, self._playback = gui, playback
        self._state = gui.add_html(state_html("NO IMAGE YET", source, None))
        self._pause: viser.GuiButtonHandle | None = None
        if playback is not None:
            self._add_playback(playback)
        black = np.zeros((8, 32, 3), np.uint8)
        with gui.add_folder("Camera image"):
            self._image = gui.add_image(black, format="jpeg", jpeg_quality=JPEG_QUALITY, visible=False)
            self._image_note = gui.add_html(text_html("no image yet", "liploc-image-note"))
        with gui.add_folder("Match: camera view, LiDAR view of the map"):
            self._matched = gui.add_image(black, format="jpeg", jpeg_quality=90, visible=False)
            self._matched_note = gui.add_html(text_html("no image yet", "liploc-matched-note"))
        with gui.add_folder("Over time"):
            self._plot = self._add_plot()
        with gui.add_folder("Hypotheses"):
            self._hypotheses = gui.add_html(hypotheses_html(None, None))
        with gui.add_folder("Health"):
            self._health = gui.add_html(health_html([]))
        self._samples: deque[tuple[float, ...]] = deque(maxlen=MAX_SAMPLES)
        self._first_ns: int | None = None

    def add_view_controls(
        self, set_visible: Callable[..., None], fit: Callable[[], None], *, has_results: bool
    ) -> Callable[[], bool]:
        """Add the folder that changes the scene; returns the function that says whether to follow the vehicle."""
        with self._gui.add_folder("Scene"):
            follow = self._gui.add_checkbox("Follow", False, hint="Keep the vehicle in the middle", visible=has_results)
            points = self._gui.add_checkbox("Points", True, hint="Points of the map")
            places = self._gui.add_checkbox("Places", True, hint="Places where the map has views")
            whole = self._gui.add_button("Whole map")

        def update(_: object) -> None:
            set_visible(points=points.value, places=places.value)

        points.on_update(update)
        places.on_update(update)

        @whole.on_click
        def _(_: object) -> None:
            follow.value = False
            fit()

        return lambda: bool(follow.value)

    def show_state(self, state: str, message: str, pose: Hypothesis | None, source: str = "") -> None:
        """Show the state, its reason, and the known pose with its source in words."""
        self._state.content = state_html(state, message, pose, source)

    def show_image(self, pixels: NDArray[np.uint8], note: str) -> None:
        """Show the camera image (h, w, 3) or (h, w), and a line below it."""
        self._image.image, self._image.visible = resized(pixels, IMAGE_WIDTH, cv2.INTER_AREA), True
        self._image_note.content = text_html(note, "liploc-image-note")

    def show_matched(self, pixels: NDArray[np.uint8]) -> None:
        """Show the camera view above the LiDAR view."""
        self._matched.image, self._matched.visible = resized(pixels, VIEW_WIDTH, cv2.INTER_NEAREST), True
        self._matched_note.visible = False

    def show_results(self, localization: Localization | None, tracking: TrackingResult | None) -> None:
        """Show the tables of hypotheses."""
        self._hypotheses.content = hypotheses_html(localization, tracking)

    def add_sample(self, localization: Localization, tracking: TrackingResult | None) -> None:
        """Add the results of an image to the plot."""
        self._first_ns = localization.stamp_ns if self._first_ns is None else self._first_ns
        seconds = (localization.stamp_ns - self._first_ns) / NANOSECONDS
        best = localization.best
        tracked = tracking.best if tracking is not None else None
        values = (
            best.score if best is not None else 0.0,
            localization.confidence,
            tracked.probability if tracked is not None else 0.0,
            tracking.probability_lost if tracking is not None else 0.0,
        )
        if self._samples and seconds <= self._samples[-1][0]:
            return  # of another camera, or late
        self._samples.append((seconds, *values))
        self._draw_plot()

    def show_health(self, lines: tuple[HealthLine, ...]) -> None:
        """Show the health table."""
        self._health.content = health_html(lines)

    def clear_results(self) -> None:
        """Forget the plot and the results."""
        self._samples.clear()
        self._first_ns = None
        self._draw_plot()
        self.show_results(None, None)
        self.show_state("NO IMAGE YET", "", None)

    def _add_playback(self, playback: Playback) -> None:
        gui = self._gui
        with gui.add_folder("Playback"):
            self._pause = gui.add_button(PLAY if playback.is_paused else PAUSE)
            others = gui.add_button_group("", (STEP, RESTART))
            rate = f"{playback.rate:g}"
            speeds = SPEEDS if rate in SPEEDS else (*SPEEDS, rate)
            speed = gui.add_dropdown("Speed", speeds, initial_value=rate)

        @self._pause.on_click
        def _(_: object) -> None:
            (playback.resume if playback.is_paused else playback.pause)()

        @others.on_click
        def _(event: Any) -> None:
            (playback.step if event.target.value == STEP else playback.restart)()

        @speed.on_update
        def _(event: Any) -> None:
            playback.set_rate(float(event.target.value))

        playback.when_changed = self._show_playback

    def _show_playback(self) -> None:
        if self._pause is not None and self._playback is not None:
            self._pause.label = PLAY if self._playback.is_paused else PAUSE

    def _add_plot(self) -> viser.GuiUplotHandle:
        series = [viser.uplot.Series(label="s")]
        series += [viser.uplot.Series(label=name, stroke=colour, width=2) for name, colour in SERIES]
        axis = viser.uplot.Axis(stroke="#adb5bd", grid=viser.uplot.Axis_Grid(stroke="#495057", width=1), size=34)
        return self._gui.add_uplot(
            tuple(np.zeros(1) for _ in series),
            tuple(series),
            scales={"x": viser.uplot.Scale(time=False), "y": viser.uplot.Scale(auto=False, range=(-0.02, 1.05))},
            axes=(axis, axis),
            legend=viser.uplot.Legend(show=True),
            aspect=2.4,
        )

    def _draw_plot(self) -> None:
        columns = np.array(self._samples, np.float64).reshape(-1, 1 + len(SERIES)).T
        self._plot.data = tuple(columns) if columns.shape[1] else tuple(np.zeros((1 + len(SERIES), 1)))


def resized(pixels: NDArray[np.uint8], width: int, interpolation: int) -> NDArray[np.uint8]:
    """Return an image (h, w, 3) RGB of this width; a smaller one is enlarged by a whole number only."""
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    scale = width / pixels.shape[1]
    scale = max(1, int(scale)) if scale >= 1 else scale
    size = round(pixels.shape[1] * scale), round(pixels.shape[0] * scale)
    return np.asarray(cv2.resize(pixels, size, interpolation=interpolation), np.uint8)
