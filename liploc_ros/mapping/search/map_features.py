# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""What images are compared with: the features of tiles, and the index over their places."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liploc_ros.encoders import ModelBundle
from liploc_ros.encoders.coding import MapCoding
from liploc_ros.encoders.spec import FeatureLayout
from liploc_ros.mapping.config import MapConfig
from liploc_ros.mapping.feature_table import CodedFeatures, CodedPanoramas, FeatureTable, PlainFeatures
from liploc_ros.mapping.features import StoredFeatures
from liploc_ros.mapping.lattice import PlaceLattice, is_searched
from liploc_ros.mapping.manifest import Manifest
from liploc_ros.mapping.search.place_index import PlaceIndex
from liploc_ros.mapping.tile_manifest import MapError
from liploc_ros.mapping.tiles.tile import Tile

INDEX = "index.faiss"  # file of the index of features that are not coded


def check_model(manifest: Manifest, bundle: ModelBundle, name: str) -> None:
    """Check that a map was built by this model.

    Raises:
        MapError: it was built by another one; ``name`` names the map in the message.
    """
    if manifest.model_id != bundle.id:
        raise MapError(
            f"{name}: made by model {manifest.model_id[:12]} ({manifest.model_name}), this is {bundle.id[:12]} "
            f"({bundle.spec.name}): build the map again with this model, or give the model it was made by"
        )


def index_of(features: StoredFeatures, lattice: PlaceLattice, layout: FeatureLayout, config: MapConfig) -> PlaceIndex:
    """Return the index of a map whose features are not coded; see :meth:`PlaceIndex.build` for the arguments."""
    return PlaceIndex.build(features, layout, config.index_size, places=_indexed(lattice, layout, config))


def indexed_places(lattice: PlaceLattice, manifest: Manifest) -> NDArray[np.intp]:
    """Return the rows of the places that are searched; matching compares those next to them.

    The embedding of a whole image has no features to compare.
    """
    return _indexed(lattice, manifest.layout, manifest.config)


def _indexed(lattice: PlaceLattice, layout: FeatureLayout, config: MapConfig) -> NDArray[np.intp]:
    if layout.embeds_whole_image:
        return np.arange(len(lattice.lateral))
    return np.flatnonzero(is_searched(lattice.lateral, config))


def features_and_index(
    manifest: Manifest, tiles: Sequence[Tile], lattice: PlaceLattice, bundle: ModelBundle | None, path: Path | None
) -> tuple[FeatureTable, PlaceIndex]:
    """Return the features and the index of tiles."""
    places = indexed_places(lattice, manifest)
    coded = [tile.panoramas for tile in tiles if isinstance(tile.panoramas, CodedPanoramas)]
    if len(coded) == len(tiles):
        coding = coding_of(manifest, bundle, path)
        codes = [tile.descriptors for tile in tiles if tile.descriptors is not None]
        if sum(map(len, codes)) != len(places):
            raise MapError(
                f"{path}: {sum(map(len, codes))} places are indexed, {len(places)} are expected: build it again"
            )
        shape = manifest.layout.panorama_columns // coding.features.block, coding.features.bytes
        wrong = [part.codes.shape[1:] for part in coded if part.codes.shape[1:] != shape]
        if wrong:
            raise MapError(f"{path}: features of shape {wrong[0]}, the coding has {shape}: build it again")
        index = PlaceIndex.of_codes(codes, coding.descriptors, manifest.layout, places)
        return CodedFeatures(coded, coding.features), index
    plain = [tile.panoramas for tile in tiles if not isinstance(tile.panoramas, CodedPanoramas)]
    array: StoredFeatures = np.concatenate(plain) if len(plain) > 1 else plain[0]  # a single tile stays on disk
    return PlainFeatures(array), _stored_index(path, array, lattice, manifest)


def coding_of(manifest: Manifest, bundle: ModelBundle | None, path: Path | None) -> MapCoding:
    """Return the coding of a map; the default model's if no bundle is given.

    Raises:
        MapError: the model has none, or another one.
    """
    of_model = (bundle or ModelBundle.load()).coding
    coding = None if of_model is None else of_model.of_map(manifest.coding)
    if coding is None:
        has = "none" if of_model is None else of_model.id[:12]
        raise MapError(
            f"{path}: coded by {str(manifest.coding)[:12]}, the model has {has}: give the model bundle that built the "
            "map, or build it again"
        )
    return coding


def _stored_index(path: Path | None, features: StoredFeatures, lattice: PlaceLattice, manifest: Manifest) -> PlaceIndex:
    """Read the stored index, or build it again if it is missing, or cannot be read by this FAISS version."""
    places = indexed_places(lattice, manifest)
    if path is not None and INDEX in manifest.files and (path / INDEX).exists() and len(features) == manifest.places:
        with suppress(RuntimeError):
            return PlaceIndex.load(path / INDEX, manifest.layout, places)
    return index_of(features, lattice, manifest.layout, manifest.config)
