# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The description of a tile: in its own folder, and in the manifest of the map."""

from pydantic import Field

from liploc_ros.errors import LiplocError
from liploc_ros.schema import FrozenModel

Point = tuple[float, float, float]


class MapError(LiplocError):
    """A map that cannot be built, written or used."""


class StoredFile(FrozenModel):
    """Size and checksum of a file of the map."""

    sha256: str
    bytes: int


class TileManifest(FrozenModel):
    """``manifest.json`` of a tile."""

    format_version: int
    coding: str | None = Field(None, description="id of the coding of the features; null: they are not coded")
    origin: Point = Field(description="to which the positions of the places are relative, in the map frame [m]")
    places: int = Field(ge=0)
    keyframes: int = Field(ge=0)
    files: dict[str, StoredFile]


class TileEntry(FrozenModel):
    """A tile in the manifest of the map."""

    name: str = Field(pattern=r"^\d+$", description="of its folder")
    sha256: str = Field(description="of the tile's manifest.json")
    bytes: int = Field(description="of all its files")
    places: int = Field(ge=0)
    first_station: int = Field(ge=0)
    last_station: int = Field(ge=0)
    keyframes: int = Field(ge=0)
    lower: Point = Field(description="smallest x, y, z of its places in the map frame [m]")
    upper: Point = Field(description="largest x, y, z of its places in the map frame [m]")
