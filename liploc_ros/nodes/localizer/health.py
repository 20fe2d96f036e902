"""How the localizer's attempts go, for /diagnostics."""

import threading
from collections import Counter, deque

from liploc_ros.localization import Localization, Status, TrackingResult, TrackingState
from liploc_ros.nodes.common.diagnostics import Health, Level
from liploc_ros.nodes.localizer.engine import LocalizerEngine
from liploc_ros.nodes.localizer.outcome import Attempt

RECENT = 20
"""Images after which it is worth a warning that none was accepted, or that the vehicle is lost."""


class AttemptLog:
    """Counts attempts by outcome and remembers the last ones."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Start anew."""
        with self._lock:
            self._outcomes: Counter[str] = Counter()
            self._recent: deque[Localization] = deque(maxlen=RECENT)
            self._internal_error = ""
            self._tracked = 0
            self._beliefs: deque[TrackingResult] = deque(maxlen=RECENT)

    def add(self, attempt: Attempt) -> None:
        """Count an attempt."""
        with self._lock:
            self._outcomes[attempt.localization.status.name] += 1
            self._recent.append(attempt.localization)
            self._internal_error = ""
            if attempt.belief is not None:
                self._tracked += 1
                self._beliefs.append(attempt.belief)

    def add_internal_error(self, reason: str) -> None:
        """Count an attempt that ended in a fault of the program."""
        with self._lock:
            self._outcomes[Status.INTERNAL_ERROR.name] += 1
            self._internal_error = reason

    def health(self, runtime: str) -> Health:
        """Return the state for /diagnostics; the conditions are in docs/nodes.md."""
        with self._lock:
            outcomes, recent, internal_error = Counter(self._outcomes), list(self._recent), self._internal_error
        health = Health("images are localized" if recent else "no attempt yet")
        health.values = {"runtime": runtime, "attempts": str(outcomes.total()), "accepted": str(outcomes["SUCCESS"])}
        for status in (Status.UNKNOWN_PLACE, Status.AMBIGUOUS, Status.INTERNAL_ERROR):
            health.values[f"rejected: {status.name}"] = str(outcomes[status.name])
        if recent:
            last = recent[-1]
            health.values |= {f"{step} [ms]": f"{ms:.1f}" for step, ms in last.timings.items()}
            health.values["latency [ms]"] = f"{last.latency_ms:.1f}"
            health.values["last outcome"] = f"{last.status.name}: {last.message}"
        if internal_error:
            health.find(Level.ERROR, f"internal error: {internal_error}")
        if len(recent) == RECENT and all(result.status is not Status.SUCCESS for result in recent):
            health.find(Level.WARN, f"none of the last {RECENT} images was accepted: {recent[-1].message}")
        return health

    def tracking_health(self, odometry_topic: str) -> Health:
        """Return the state of tracking for /diagnostics."""
        with self._lock:
            tracked, beliefs = self._tracked, list(self._beliefs)
        health = Health("no image yet")
        health.values = {"images": str(tracked), "odometry topic": odometry_topic or "none: less is certain"}
        if not beliefs:
            return health
        last = beliefs[-1]
        health.message = last.message
        health.values |= {
            "state": last.state.name,
            "message": last.message,
            "hypotheses": str(len(last.hypotheses)),
            "probability of being lost": f"{last.lost:.3f}",
        }
        if len(beliefs) == RECENT and all(belief.state is TrackingState.LOST for belief in beliefs):
            health.find(Level.WARN, f"lost after each of the last {RECENT} images: {last.message}")
        return health


def map_health(engine: LocalizerEngine, refusal: str) -> Health:
    """Return the state of the map for /diagnostics; ``refusal`` is why the last ~/load_map failed, or empty."""
    lidar_map = engine.lidar_map
    health = Health("map is loaded")
    health.values = {
        "path": str(lidar_map.path or ""),
        "map id": lidar_map.id,
        "model id": lidar_map.manifest.model_id,
        "places": str(lidar_map.manifest.places),
        "last load_map": refusal or "none failed",
    }
    if refusal:
        health.find(Level.WARN, f"load_map failed, the old map stays: {refusal}")
    return health
