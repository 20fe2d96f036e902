# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Comparison of two runtimes of the same encoder."""

import numpy as np
from numpy.typing import NDArray

from liploc_ros.encoders.encoder import Encoder, ModelError

PARITY_THRESHOLD = 0.999  # minimum cosine between corresponding features


def min_cosine(features: NDArray[np.float32], reference: NDArray[np.float32]) -> float:
    """Return the minimum cosine between corresponding features of (N, D, h, w).

    It is -1 if a feature is zero or not finite.
    """
    lengths = np.linalg.norm(features, axis=1) * np.linalg.norm(reference, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = (features * reference).sum(axis=1) / lengths
    return float(cosine.min()) if np.isfinite(cosine).all() else -1.0


def check_parity(encoder: Encoder, reference: Encoder, views: NDArray[np.float32]) -> float:
    """Return the minimum cosine between the features of two encoders for views (N, 3, H, W).

    Raises:
        ModelError: it is below :data:`PARITY_THRESHOLD`, or the shapes of the features differ.
    """
    features, expected = encoder.encode(views), reference.encode(views)
    if features.shape != expected.shape:
        raise ModelError(
            f"{encoder.runtime}: features of shape {features.shape}, but {reference.runtime} gives {expected.shape}: "
            "clear the cache (liploc engine clean --all), or use backend onnx"
        )
    cosine = min_cosine(features, expected)
    if not cosine >= PARITY_THRESHOLD:
        raise ModelError(
            f"{encoder.runtime}: minimum cosine with {reference.runtime} on the parity views is {cosine:.5f}, below "
            f"{PARITY_THRESHOLD}: use precision fp32 or backend onnx"
        )
    return cosine
