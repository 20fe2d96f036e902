"""Whether two runtimes of one encoder agree."""

import numpy as np
from numpy.typing import NDArray

from liploc_ros.encoders.encoder import Encoder, ModelError

MIN_COSINE = 0.999


def min_cosine(features: NDArray[np.float32], reference: NDArray[np.float32]) -> float:
    """Return the least cosine of two corresponding cells of (N, D, h, w); -1 if one is not finite or zero."""
    lengths = np.linalg.norm(features, axis=1) * np.linalg.norm(reference, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = (features * reference).sum(axis=1) / lengths
    return float(cosine.min()) if np.isfinite(cosine).all() else -1.0


def check_parity(encoder: Encoder, reference: Encoder, views: NDArray[np.float32]) -> float:
    """Return the least cosine of the cells that both give for views (N, 3, H, W).

    Raises:
        ModelError: it is below 0.999, or the shapes differ.
    """
    features, expected = encoder.encode(views), reference.encode(views)
    if features.shape != expected.shape:
        raise ModelError(
            f"{encoder.runtime}: cells of shape {features.shape}, {reference.runtime} gives {expected.shape}: "
            "clean the cache (liploc engine clean --all), or take backend onnx"
        )
    cosine = min_cosine(features, expected)
    if not cosine >= MIN_COSINE:
        raise ModelError(
            f"{encoder.runtime}: least cosine with {reference.runtime} on real views is {cosine:.5f}, below "
            f"{MIN_COSINE}: take precision fp32 or backend onnx"
        )
    return cosine
