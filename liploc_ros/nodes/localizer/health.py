# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Diagnostic statuses of localization, tracking and map."""

import threading
from collections import Counter, deque
from collections.abc import Iterable

from liploc_ros.localization import Localization, Status, TrackingResult, TrackingState
from liploc_ros.localization.long_map import map_mode
from liploc_ros.localization.tilt import TiltEstimate
from liploc_ros.nodes.common.diagnostics import Health, Level
from liploc_ros.nodes.localizer.camera import CameraInput
from liploc_ros.nodes.localizer.engine import LocalizerEngine
from liploc_ros.nodes.localizer.outcome import ImageOutcome

MAX_PITCH, MAX_ROLL = 1.0, 1.5  # degrees, above which diagnostics warn
RECENT_IMAGES = 20
"""Images after which diagnostics warn that none was accepted, or that tracking is lost."""


def camera_health(camera: CameraInput, engine: LocalizerEngine) -> Health:
    """Return the status of a camera, with its tilt as far as it is known; its conditions are in docs/nodes.md."""
    health = camera.health()
    mounted = camera.mounted_camera
    tilt = engine.localizer.tilt_of(mounted) if mounted is not None else TiltEstimate()
    pitch, roll = tilt.tilt.degrees
    known = f"pitch {pitch:.1f}, roll {roll:.1f}" if tilt.is_known else "not known yet"
    health.values["tilt [deg]"] = f"{known} ({tilt.images} accepted images)"
    remedy = "correct the mount (liploc calibrate-mount)"
    if tilt.is_known and abs(pitch) > MAX_PITCH:
        looks = f"looks {abs(pitch):.1f} degrees {'lower' if pitch > 0 else 'higher'} than its mount says"
        health.add(Level.WARN, f"{camera.topic}: the camera {looks}: {remedy}")
    if tilt.is_known and abs(roll) > MAX_ROLL:
        turned = f"is turned {abs(roll):.1f} degrees {'' if roll > 0 else 'counter'}clockwise against its mount"
        health.add(Level.WARN, f"{camera.topic}: the camera {turned}: {remedy}")
    return health


class OutcomeLog:
    """Counts the outcomes of images and keeps the recent ones."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Remove all outcomes."""
        with self._lock:
            self._counts: Counter[str] = Counter()
            self._recent: deque[Localization] = deque(maxlen=RECENT_IMAGES)
            self._internal_error = ""
            self._tracked = 0
            self._beliefs: deque[TrackingResult] = deque(maxlen=RECENT_IMAGES)

    def add(self, outcome: ImageOutcome) -> None:
        """Count an outcome."""
        with self._lock:
            self._counts[outcome.localization.status.name] += 1
            self._recent.append(outcome.localization)
            self._internal_error = ""
            if outcome.belief is not None:
                self._tracked += 1
                self._beliefs.append(outcome.belief)

    def add_internal_error(self, reason: str) -> None:
        """Count an image on which the program failed."""
        with self._lock:
            self._counts[Status.INTERNAL_ERROR.name] += 1
            self._internal_error = reason

    def health(self, runtime: str) -> Health:
        """Return the diagnostic status of localization; its conditions are in docs/nodes.md."""
        with self._lock:
            counts, recent, internal_error = Counter(self._counts), list(self._recent), self._internal_error
        health = Health("images are localized" if recent else "no image yet")
        health.values = {"runtime": runtime, "images": str(counts.total()), "accepted": str(counts["SUCCESS"])}
        for status in (Status.UNKNOWN_PLACE, Status.AMBIGUOUS, Status.INTERNAL_ERROR):
            health.values[f"rejected: {status.name}"] = str(counts[status.name])
        if recent:
            last = recent[-1]
            health.values |= {f"{step} [ms]": f"{ms:.1f}" for step, ms in last.timings.items()}
            health.values["latency [ms]"] = f"{last.latency_ms:.1f}"
            health.values["last outcome"] = f"{last.status.name}: {last.message}"
        if internal_error:
            health.add(Level.ERROR, f"internal error: {internal_error}")
        if len(recent) == RECENT_IMAGES and all(result.status is not Status.SUCCESS for result in recent):
            health.add(Level.WARN, f"none of the last {RECENT_IMAGES} images was accepted: {recent[-1].message}")
        return health

    def tracking_health(self, odometry_topic: str) -> Health:
        """Return the diagnostic status of tracking."""
        with self._lock:
            tracked, beliefs = self._tracked, list(self._beliefs)
        health = Health("no image yet")
        health.values = {"images": str(tracked), "odometry topic": odometry_topic or "none: the pose is less certain"}
        if not beliefs:
            return health
        last = beliefs[-1]
        health.message = last.message
        health.values |= {
            "state": last.state.name,
            "message": last.message,
            "hypotheses": str(len(last.hypotheses)),
            "probability lost": f"{last.probability_lost:.3f}",
        }
        if len(beliefs) == RECENT_IMAGES and all(belief.state is TrackingState.LOST for belief in beliefs):
            health.add(Level.WARN, f"lost after each of the last {RECENT_IMAGES} images: {last.message}")
        return health


def idle_health(reason: str, names: Iterable[str]) -> dict[str, Health]:
    """Return statuses with these names for the time in which the node does not do their work."""
    return {name: Health(reason) for name in names}


def map_health(engine: LocalizerEngine, load_error: str) -> Health:
    """Return the diagnostic status of the map; ``load_error`` is why the last ~/load_map failed, or empty."""
    lidar_map = engine.lidar_map
    health = Health("map is loaded")
    health.values = {
        "path": str(lidar_map.path or ""),
        "map id": lidar_map.id,
        "model id": lidar_map.manifest.model_id,
        "places": str(lidar_map.manifest.places),
        "search": map_mode(lidar_map.manifest).reason,
        "last load_map": load_error or "no error",
    }
    if engine.localizer.map_problem:
        health.add(Level.ERROR, f"a part of the map cannot be used: {engine.localizer.map_problem}")
    if load_error:
        health.add(Level.WARN, f"load_map failed, the old map stays: {load_error}")
    return health
