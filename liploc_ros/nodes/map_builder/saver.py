# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Building and writing the map: on request, at shutdown, and in the background while scans are received."""

import os
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from liploc_ros.encoders import ModelBundle
from liploc_ros.errors import LiplocError
from liploc_ros.files import FileError, check_replaceable, expand_path
from liploc_ros.mapping import LidarMap, MapError, build_map_from_keyframes
from liploc_ros.mapping.manifest import MANIFEST, Source
from liploc_ros.nodes.map_builder.inputs import BuilderInputs
from liploc_ros.nodes.map_builder.parameters import MapBuilderParameters
from liploc_ros.nodes.map_builder.scan_collector import CollectedScans
from liploc_ros.nodes.map_builder.summary import report_scans, why_empty

BACKGROUND_NICENESS = 10
PROGRESS_STEPS = 10


@dataclass(frozen=True)
class SavedMap:
    """A map that was written.

    Attributes:
        path: its folder.
        collected: what it was built from.
        places: number of places.
        size_bytes: size on disk.
        duration: of building and writing [s].
        finished_at: when it was complete, of the monotonic clock [s].
        message: one line for users.
    """

    path: Path
    collected: CollectedScans
    places: int
    size_bytes: int
    duration: float
    finished_at: float
    message: str

    def is_of(self, path: Path, collected: CollectedScans) -> bool:
        """Return whether this is the map of the same scans at the same path, and still there."""
        is_same = self.path == path and len(self.collected.keyframes) == len(collected.keyframes)
        return is_same and len(self.collected.path) == len(collected.path) and (path / MANIFEST).is_file()


class _SupersededError(Exception):
    """An autosave was stopped, because the map is saved with more scans."""


class MapSaver:
    """Saves one map at a time. The previous map stays until the new one is complete. Thread-safe."""

    def __init__(
        self,
        settings: MapBuilderParameters,
        inputs: BuilderInputs,
        bundle: ModelBundle,
        logger: Any,
        on_progress: Callable[[str], None],
    ) -> None:
        """Check the folder of the map.

        Args:
            settings: of the node.
            inputs: have the scans.
            bundle: the model.
            logger: of the node.
            on_progress: called with one line about the progress.

        Raises:
            FileError: a map cannot be written to ``map_path``.
        """
        self._settings, self._inputs, self._bundle = settings, inputs, bundle
        self._logger, self._on_progress = logger, on_progress
        self._lock = threading.Lock()
        self._autosave: threading.Thread | None = None
        self._superseded = threading.Event()
        self._attempted = 0  # keyframes at the start of the last autosave
        self._is_closing = False
        self.saved: SavedMap | None = None
        """The last map that was written."""
        self.failure = ""
        """Why the last save failed; empty if it did not."""
        self.saving_since = 0.0
        """When the save that runs began, of the monotonic clock [s]; 0 if none runs."""
        self._target = expand_path(settings.map_path).absolute() if settings.map_path else None
        if self._target is not None:
            check_replaceable(self._target, MANIFEST)
            self._mount = _mount_of(self._target)

    @property
    def unsaved_keyframes(self) -> int:
        """Keyframes that the last map does not have."""
        return self._inputs.collector.keyframes - (len(self.saved.collected.keyframes) if self.saved else 0)

    def save(self, path: str = "") -> SavedMap:
        """Build the map from the scans collected so far, and write it; waits for a save that runs.

        An autosave that runs is stopped if there are scans that it does not have. Without a new scan since the last
        save, the map of that is returned.

        Args:
            path: folder of the map; empty: the parameter ``map_path``.

        Raises:
            LiplocError: there is no scan or no path, or the map cannot be written.
        """
        target = expand_path(path).absolute() if path else self._target
        if target is None:
            raise MapError("no path to write the map to: set the parameter map_path, or give a path to ~/save_map")
        self._check(target)
        self._inputs.collector.flush()
        if self._autosave is not None and self._inputs.collector.keyframes > self._attempted:
            self._superseded.set()
        return self._save(target, "saved")

    def autosave(self) -> None:
        """Start to save in the background if ``autosave_keyframes`` are new.

        The pause after a save is at least as long as the save, so that a long map leaves half of the time for others.
        """
        every, keyframes, now = self._settings.autosave_keyframes, self._inputs.collector.keyframes, time.monotonic()
        is_busy = self._is_closing or self._autosave is not None or self.saving_since > 0
        if (
            not every
            or self._target is None
            or is_busy
            or min(self.unsaved_keyframes, keyframes - self._attempted) < every
        ):
            return
        if self.saved is not None and now - self.saved.finished_at < self.saved.duration:
            return
        self._attempted = keyframes
        self._superseded.clear()
        self._autosave = threading.Thread(target=self._run_autosave, args=(self._target,), name="autosave", daemon=True)
        self._autosave.start()

    def close(self) -> None:
        """Start no other autosave, and finish the one that runs, or stop it if :meth:`save` follows."""
        self._is_closing = True
        autosave = self._autosave
        if autosave is not None:
            if self._settings.save_at_shutdown and self._inputs.collector.keyframes > self._attempted:
                self._superseded.set()
            autosave.join()

    def _run_autosave(self, target: Path) -> None:
        with suppress(OSError, AttributeError):  # on Linux, each thread has its own priority
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), BACKGROUND_NICENESS)
        try:
            self._check(target)
            self._save(target, "autosaved")
        except _SupersededError:
            self._logger.info("autosave stopped: the map is saved with newer scans")
        except LiplocError as error:
            kept = "the last map stays" if self.saved else "no map yet"
            self._logger.error(f"autosave failed, {kept}: {error}")
        except Exception:
            self._logger.error(f"autosave: internal error\n{traceback.format_exc()}")
        finally:
            self._autosave = None

    def _check(self, target: Path) -> None:
        """Check that a map can be written at ``target``, before the work for it is done."""
        try:
            if target == self._target and not self._mount.is_mount():
                raise FileError(f"{target}: {self._mount} is not mounted any more: mount it, or choose another folder")
            check_replaceable(target, MANIFEST)
        except LiplocError as error:
            self._fail(str(error))
            raise

    def _save(self, target: Path, verb: str) -> SavedMap:
        with self._lock:
            self.saving_since = started = time.monotonic()
            try:
                saved = self._build(target, self._inputs.collector.snapshot(), verb, started)
            except _SupersededError:
                raise
            except LiplocError as error:
                self._fail(str(error))
                raise
            except Exception as error:
                self._fail(f"internal error: {type(error).__name__}: {error}")
                raise
            finally:
                self.saving_since = 0.0
            self.failure = ""
        self._on_progress(saved.message)
        self._logger.info(saved.message)
        return saved

    def _build(self, target: Path, collected: CollectedScans, verb: str, started: float) -> SavedMap:
        collector, settings = self._inputs.collector, self._settings
        if not collected.keyframes:
            raise MapError(self.why_empty())
        if self.saved is not None and self.saved.is_of(target, collected):
            return _up_to_date(self.saved)
        report_scans(self._logger, collector, settings.keyframe_spacing, self._inputs.faults)
        lidar_map = build_map_from_keyframes(
            collected.keyframes,
            self._bundle,
            settings.map_config(),
            path=collected.path,
            map_frame=settings.map_frame,
            base_frame=self._inputs.base.name,
            datum=settings.datum or self._inputs.origin(),
            sources=(Source(name=self._inputs.points_topic, scans=collected.scans),),
            on_place=lambda done, total: self._on_place(done, total, is_autosave=verb == "autosaved"),
        ).save(target)
        self.saved = self._saved(lidar_map, target, collected, verb, started)
        return self.saved

    def _saved(
        self, lidar_map: LidarMap, target: Path, collected: CollectedScans, verb: str, started: float
    ) -> SavedMap:
        now, places = time.monotonic(), lidar_map.manifest.places
        message = (
            f"{verb} {target} in {now - started:.1f} s: {places} places, {lidar_map.size_bytes / 1e6:.1f} MB, from "
            f"{len(collected.keyframes)} of {collected.scans} scans, {self._inputs.collector.dropped} dropped"
        )
        return SavedMap(target, collected, places, lidar_map.size_bytes, now - started, now, message)

    def _on_place(self, done: int, total: int, *, is_autosave: bool) -> None:
        if is_autosave and self._superseded.is_set():
            raise _SupersededError
        if done == total or done % max(1, total // PROGRESS_STEPS) == 0:
            line = f"drawing places: {done} of {total}"
            self._on_progress(line)
            (self._logger.debug if is_autosave else self._logger.info)(line)

    def _fail(self, reason: str) -> None:
        self.failure = reason
        self._on_progress(f"the map could not be saved: {reason}")

    def why_empty(self) -> str:
        """Return why no scan was kept."""
        inputs = self._inputs
        return why_empty(inputs.collector, inputs.points, inputs.odometry, inputs.faults)


def _up_to_date(saved: SavedMap) -> SavedMap:
    message = (
        f"{saved.path} is up to date: no scan was kept since it was saved, {len(saved.collected.keyframes)} keyframes, "
        f"{saved.places} places"
    )
    return SavedMap(**{**vars(saved), "message": message})


def _mount_of(path: Path) -> Path:
    """Return the mount point of the file system that a path is on."""
    return next(folder for folder in path.parents if folder.is_mount())
