# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Fit the coding of maps to the panoramas of drives."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liploc_ros.datasets.drive import Drive
from liploc_ros.encoders import ModelBundle
from liploc_ros.encoders.coding import DescriptorCoding, FeatureCoding, MapCoding
from liploc_ros.errors import LiplocError
from liploc_ros.mapping.build import build_map
from liploc_ros.mapping.config import MapConfig
from liploc_ros.mapping.features import StoredFeatures, describe_headings, unit_features

MAX_PANORAMAS = 3_000  # of all drives together; more give no better coding
MAX_BLOCKS = 60_000  # of columns, to which the coding of features is fitted
MAX_DESCRIPTORS = 6_000
MIN_SAMPLES = 2_000  # of blocks, and of descriptors
BLOCK = 4  # columns of cells that are coded together
FEATURE_DIMENSIONS, FEATURE_BYTES = 112, 56  # of a block
DESCRIPTOR_DIMENSIONS, DESCRIPTOR_BYTES = 128, 32  # of a descriptor; docs/history/method.md has what others lose


class CodingError(LiplocError):
    """Drives to which no coding can be fitted."""


def fit_map_coding(
    drives: Sequence[Drive],
    bundle: ModelBundle,
    on_place: Callable[[int, int], object] | None = None,
    *,
    keep_maps: bool = False,
) -> MapCoding:
    """Return a coding fitted to panoramas along the path of drives and beside it, drawn as a map draws them.

    Args:
        drives: recordings with scans and poses; those that the model was trained on serve as well as others.
        bundle: the model.
        on_place: called after each place that was drawn, with their number and the total in this drive.
        keep_maps: keep the coding of descriptors, and that of features as the older one, so that coded maps of the
            model are still read.

    Raises:
        CodingError: the model has no features to code, the drives have too few places, or there is no coding to keep.
        LiplocError: a drive has no scan that can be used.
    """
    if bundle.spec.embeds_whole_image:
        raise CodingError(f"{bundle.path}: a model of whole images has no features to code: its maps stay as they are")
    known = bundle.coding if keep_maps else None
    if keep_maps and known is None:
        raise CodingError(f"{bundle.path}: the model has no coding that could be kept: leave out --keep-maps")
    plain, per_drive = bundle.without_coding(), max(1, MAX_PANORAMAS // max(1, len(drives)))
    panoramas = np.concatenate([_panoramas(drive, plain, per_drive, on_place) for drive in drives])
    columns = unit_features(panoramas).transpose(0, 2, 1, 3)
    block = math.gcd(BLOCK, columns.shape[1])
    blocks = columns.reshape(-1, block, *columns.shape[2:])
    descriptors = _descriptors(panoramas, bundle)
    if min(len(blocks), len(descriptors)) < MIN_SAMPLES:
        raise CodingError(f"{len(panoramas)} places are too few to fit a coding to: give longer or more drives")
    features = FeatureCoding.fit(_spread(blocks, MAX_BLOCKS), FEATURE_DIMENSIONS, FEATURE_BYTES)
    if known is not None:
        return MapCoding(features, known.descriptors, known.features)
    return MapCoding(features, DescriptorCoding.fit(descriptors, DESCRIPTOR_DIMENSIONS, DESCRIPTOR_BYTES))


def _panoramas(
    drive: Drive, bundle: ModelBundle, count: int, on_place: Callable[[int, int], object] | None
) -> StoredFeatures:
    """Return the features of at most ``count`` places of a drive, spread over it."""
    drawn = build_map(drive, bundle, MapConfig(), on_place=on_place)
    return drawn.features.panoramas(_spread(np.arange(len(drawn.features)), count))


def _descriptors(panoramas: StoredFeatures, bundle: ModelBundle) -> NDArray[np.float32]:
    """Return descriptors (N, dimension) of headings of all panoramas, at most ``MAX_DESCRIPTORS``."""
    of_each = max(1, MAX_DESCRIPTORS // len(panoramas))
    step = max(1, bundle.spec.headings // of_each)
    blocks = [
        describe_headings(panorama[None], bundle.spec)[number % step :: step]  # other headings at every place
        for number, panorama in enumerate(panoramas)
    ]
    return _spread(np.concatenate(blocks), MAX_DESCRIPTORS)


def _spread(rows: NDArray[Any], count: int) -> NDArray[Any]:
    """Return at most ``count`` of the rows, evenly spread."""
    return np.asarray(rows[np.linspace(0, len(rows) - 1, min(len(rows), count)).round().astype(np.intp)])
