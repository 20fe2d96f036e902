# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``manifest.json``: the description of a map, and the checksums of its files."""

from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import AliasChoices, Field, ValidationError, model_validator

from liploc_ros.encoders.spec import ConfidenceModel, FeatureLayout
from liploc_ros.files import expand_path, readable_folder, reason_of, write_file
from liploc_ros.geometry import ViewGrid
from liploc_ros.geometry.geodesy import GeodeticDatum
from liploc_ros.mapping.checksummed_json import (
    ChecksumError,
    is_checksummed,
    read_checksummed_json,
    to_checksummed_json,
    version_of,
)
from liploc_ros.mapping.config import MapConfig
from liploc_ros.mapping.tile_manifest import MapError, StoredFile, TileEntry
from liploc_ros.schema import FrozenModel, first_fault

FORMAT_VERSION = 5
CHECKSUMMED = 4  # first version whose manifest has a checksum
MANIFEST = "manifest.json"


class Source(FrozenModel):
    """What a map was built from."""

    name: str
    scans: int = Field(ge=0, description="scans received, kept or not")
    sha256: str = Field("", description="of the points of the keyframes, in order")


class Manifest(FrozenModel):
    """The description of a map. Lengths in metres, frames after REP-105.

    Maps written before 2026-11-26 use the older key of a renamed field; both keys are read.
    """

    format_version: int = FORMAT_VERSION
    liploc_version: str
    created_at: str = Field(description="UTC, ISO 8601")
    model_id: str = Field(description="hash of the model bundle that computed the features")
    model_name: str
    trained_on: tuple[str, ...] = Field((), description="drives the model was trained on")
    grid: ViewGrid
    stride: int
    method: Literal["aligned", "liploc"] = "aligned"
    pool: int = Field(2, description="cells per side that are averaged in a descriptor")
    channels: int
    metric: Literal["inner_product"] = "inner_product"
    config: MapConfig
    confidence_model: ConfidenceModel | None = Field(
        None,
        validation_alias=AliasChoices("confidence_model", "calibration"),
        description="fitted to this map; null: the model's",
    )
    map_frame: str
    base_frame: str
    datum: str = Field(description="what the origin of the map frame is")
    geodetic_datum: GeodeticDatum | None = Field(None, description="where it is on earth; null: not known")
    view_origin: tuple[float, float, float] = Field(description="origin of the views in the base frame [m]")
    sources: tuple[Source, ...]
    keyframes: int
    places: int
    headings: int = Field(description="headings per place in the search index")
    path_length: float
    coding: str | None = Field(None, description="id of the coding of the features; null: they are not coded")
    tiles: tuple[TileEntry, ...] = Field((), description="in driving order; empty up to format 3")
    files: dict[str, StoredFile] = Field({}, description="in the folder of the map itself, besides the manifest")

    @model_validator(mode="before")
    @classmethod
    def _older_format(cls, values: Any) -> Any:
        """Up to format 4, every second lateral offset is searched; up to 2, all places are on the path."""
        if not (isinstance(values, dict) and isinstance(values.get("config"), dict)):
            return values
        version, older = values.get("format_version"), {}
        if version in (1, 2):
            older["lateral_reach"] = 0.0
        if version in (1, 2, 3, 4):
            older["searched_offsets"] = 2
        return {**values, "config": {**older, **values["config"]}}

    @property
    def size_bytes(self) -> int:
        """Bytes on disk, without this manifest."""
        return sum(file.bytes for file in self.files.values()) + sum(tile.bytes for tile in self.tiles)

    @cached_property
    def layout(self) -> FeatureLayout:
        """How the features of the map are arranged."""
        return FeatureLayout(
            grid=self.grid, method=self.method, stride=self.stride, pool=self.pool, channels=self.channels
        )


def read_manifest(path: Path) -> Manifest:
    """Return the manifest of the map in this folder.

    Raises:
        MapError: there is none, or one that this version cannot read.
    """
    path = readable_folder(expand_path(path))
    try:
        text = (path / MANIFEST).read_bytes()
    except OSError as error:
        hint = "build one with `liploc map build SOURCE OUT`"
        raise MapError(f"{path}: no map here ({MANIFEST}: {reason_of(error)}): check the path, or {hint}") from error
    version = version_of(text)  # before anything else: a newer format may look valid and mean something else
    if version is not None and version > FORMAT_VERSION:
        raise MapError(f"{path}: map of format {version}, this version reads up to {FORMAT_VERSION}: update liploc_ros")
    try:
        if is_checksummed(text) or version is None or version >= CHECKSUMMED:
            return read_checksummed_json(text, Manifest)
        return Manifest.model_validate_json(text)
    except ChecksumError as error:
        raise MapError(f"{path / MANIFEST}: {error}: copy or build the map again") from error
    except ValidationError as error:
        raise MapError(f"{path / MANIFEST}: {first_fault(error)}: copy or build the map again") from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of a map, in the format that it names; a previous one is replaced.

    Raises:
        FileError: it cannot be written.
    """
    is_old = manifest.format_version < CHECKSUMMED
    text = manifest.model_dump_json(indent=2).encode() + b"\n" if is_old else to_checksummed_json(manifest)
    write_file(folder / MANIFEST, text)
