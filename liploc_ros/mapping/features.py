# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Features of panoramas as a map stores them, and the descriptors of views that follow from them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from liploc_ros.encoders.spec import FeatureLayout

StoredFeatures = NDArray[np.signedinteger[Any]]
"""Features as a map stores them: unit vectors times the largest number of the type. int8 per cell; int16 for embeddings
of whole images, where one vector says everything and rounding errors do not average out."""


def describe(features: NDArray[np.float32], pool: int) -> NDArray[np.float32]:
    """Return the unit descriptor of a view's masked features (h, w, D): pooled, concatenated, normalized.

    The embedding of a whole image (1, 1, D) is returned as it is, with its length.
    """
    if features.shape[:2] == (1, 1):
        return np.ascontiguousarray(features.ravel(), dtype=np.float32)
    height, width, channels = features.shape
    pooled = features.reshape(height // pool, pool, width // pool, pool, channels).sum(axis=(1, 3))
    flat = pooled.transpose(1, 0, 2).ravel()
    return np.asarray(flat / max(float(np.linalg.norm(flat)), 1e-9), dtype=np.float32)


def describe_headings(features: StoredFeatures, layout: FeatureLayout) -> NDArray[np.float32]:
    """Return (P * headings, dimension) unit descriptors of panoramas (P, h, columns, D), heading varying fastest.

    The descriptor of a heading is a window over the pooled columns, so one pass of the encoder serves all headings.
    Embeddings of whole images have one column per heading and are not normalized.
    """
    if layout.embeds_whole_image:
        return np.asarray(features.reshape(-1, layout.channels) / feature_scale(features), dtype=np.float32)
    pooled = pooled_columns(features, layout)
    columns = np.arange(layout.headings)[:, None] + np.arange(layout.view_columns // layout.pool)
    windows = pooled[:, columns % layout.headings].reshape(len(features) * layout.headings, -1)
    windows /= np.maximum(np.linalg.norm(windows, axis=1, keepdims=True), 1e-9)
    return np.ascontiguousarray(windows)


def quantize_features(features: NDArray[np.float32]) -> StoredFeatures:
    """Return the features (h, columns, D) of a panorama as a map stores them."""
    kind = feature_dtype(len(features))
    limit = np.iinfo(kind).max
    return np.asarray(np.clip(np.rint(features * np.float32(limit)), -limit, limit), dtype=kind)


def unit_features(features: StoredFeatures) -> NDArray[np.float32]:
    """Return stored features as unit vectors, 0 where nothing returned. Rounding errors of their length remain."""
    return np.asarray(features * np.float32(1 / feature_scale(features)), dtype=np.float32)


def feature_dtype(rows: int) -> np.dtype[np.signedinteger[Any]]:
    """Return the type in which a map stores features with so many rows."""
    return np.dtype(np.int16 if rows == 1 else np.int8)


def feature_scale(features: StoredFeatures) -> float:
    """Return the factor by which stored features were multiplied."""
    return float(np.iinfo(features.dtype).max)


def pooled_columns(features: StoredFeatures, layout: FeatureLayout) -> NDArray[np.float32]:
    """Return (P, headings, h / pool, D) sums of the stored features over pool x pool cells."""
    places, height, columns, channels = features.shape
    pool = layout.pool
    blocks = features.reshape(places, height // pool, pool, columns // pool, pool, channels)
    return np.asarray(blocks.sum(axis=(2, 4), dtype=np.int32).astype(np.float32).transpose(0, 2, 1, 3))
