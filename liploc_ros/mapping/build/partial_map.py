# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The folder of a map that is being built, with the tiles that are finished."""

import fcntl
import hashlib
import logging
import os
import shutil
from pathlib import Path

from liploc_ros.files import replace_by_folder, target_path, unwritable, write_file
from liploc_ros.mapping.build.plan import BuildPlan
from liploc_ros.mapping.checksummed_json import ChecksumError, read_checksummed_json, to_checksummed_json
from liploc_ros.mapping.lidar_map import TILES
from liploc_ros.mapping.manifest import FORMAT_VERSION, Manifest, write_manifest
from liploc_ros.mapping.tile_manifest import MapError, TileEntry
from liploc_ros.mapping.tiles.tile import Tile, read_tile, write_tile

LOG = logging.getLogger(__name__)
BUILD = "build.txt"  # the hash of what is built
LOCK = "lock"  # held while a process builds
MAP, ENTRIES = "map", "finished"  # folders of the map, and of one file per finished tile


class PartialMap:
    """``.NAME.partial`` next to a map: what is finished of it, if it was stopped or killed while it was built."""

    def __init__(self, path: Path, plan: BuildPlan, manifest: Manifest) -> None:
        """Take the folder of the map, its plan, and its manifest without places and tiles."""
        self._path, self._plan, self._manifest = path, plan, manifest
        target = target_path(path)
        self.folder = target.with_name(f".{target.name}.partial")
        # Equal builds have equal plans, sources (with the hash of their points), settings, model and version.
        what = manifest.model_dump_json(exclude={"created_at"}) + plan.sha256()
        self._build = hashlib.sha256(what.encode()).hexdigest()
        self._lock = -1

    def open(self) -> dict[int, TileEntry]:
        """Return the tiles that an earlier build of the same map has finished; what another build left is removed.

        Raises:
            MapError: another process builds this map.
            FileError: the folder cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._take_lock()
            known = (self.folder / BUILD).read_text() if (self.folder / BUILD).is_file() else None
            if known != self._build:
                if known is not None:
                    LOG.warning(
                        "%s is of another build (other recordings, settings or model): it is not used, and replaced",
                        self.folder,
                    )
                for name in (BUILD, ENTRIES, MAP):  # first the file without which the others count for nothing
                    _remove(self.folder / name)
            (self.folder / ENTRIES).mkdir(exist_ok=True)
            (self.folder / MAP / TILES).mkdir(parents=True, exist_ok=True)
            for path in (self.folder / MAP).iterdir():  # such as half a manifest
                if path.name != TILES:
                    _remove(path)
            write_file(self.folder / BUILD, self._build)
        except OSError as error:
            raise unwritable(self.folder, error) from error
        found = {number: self._finished(number) for number in range(self._plan.tiles)}
        return {number: entry for number, entry in found.items() if entry is not None}

    def close(self) -> None:
        """Let another process build this map."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def write(self, number: int, tile: Tile) -> TileEntry:
        """Write a tile.

        Raises:
            FileError: it cannot be written.
        """
        folder = self._tile(number)
        try:
            _remove(folder)
            entry = write_tile(folder, tile, FORMAT_VERSION, self._manifest.coding)
        except OSError as error:
            raise unwritable(folder, error) from error
        write_file(self._entry(number), to_checksummed_json(entry))  # last: without it, the tile is built again
        return entry

    def read(self, number: int, entry: TileEntry) -> Tile:
        """Open a tile that was written."""
        return read_tile(self._tile(number), entry, self._manifest.layout, verify=False)

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest, and put the map in the place of the previous one.

        Raises:
            FileError: it cannot be written.
        """
        write_manifest(self.folder / MAP, manifest)
        replace_by_folder(self._path, self.folder / MAP)
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _take_lock(self) -> None:
        self._lock = os.open(self.folder / LOCK, os.O_CREAT | os.O_RDWR, 0o644)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise MapError(f"{self._path}: another process is building it: wait, or choose another folder") from error

    def _finished(self, number: int) -> TileEntry | None:
        """Return the entry of a tile that is finished and whole."""
        try:
            entry = read_checksummed_json(self._entry(number).read_bytes(), TileEntry)
            read_tile(self._tile(number), entry, self._manifest.layout)
        except (OSError, ChecksumError, MapError):
            return None
        return entry

    def _tile(self, number: int) -> Path:
        return self.folder / MAP / TILES / f"{number:06d}"

    def _entry(self, number: int) -> Path:
        return self.folder / ENTRIES / f"{number:06d}.json"


def _remove(path: Path) -> None:
    """Remove a file or folder, if it is there.

    Raises:
        OSError: it cannot be removed.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
