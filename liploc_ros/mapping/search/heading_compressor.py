# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Compressed descriptors of all headings of a panorama."""

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from liploc_ros.encoders.coding import DescriptorCoding
from liploc_ros.encoders.spec import FeatureLayout
from liploc_ros.mapping.features import StoredFeatures, pooled_columns

MAX_COLUMN_STEP = 4  # feature columns; matching covers 3 to both sides of a candidate


class HeadingCompressor:
    """Compresses the descriptors of all headings of a panorama at once.

    A window over the columns times a matrix is a circular correlation along the columns. In the frequency domain it is
    one small matrix product per frequency, about twenty times fewer operations than one product per window.
    """

    def __init__(self, components: NDArray[np.float32], layout: FeatureLayout) -> None:
        """Take principal components (dimension, size) of descriptors."""
        self._layout = layout
        self._width = layout.view_columns // layout.pool
        kernel = np.zeros((layout.headings, components.shape[0] // self._width, components.shape[1]), np.float32)
        kernel[: self._width] = components.reshape(self._width, -1, components.shape[1])
        self._kernel = np.conj(scipy.fft.rfft(kernel, axis=0))  # (frequencies, h D, size)

    def compress(self, features: StoredFeatures) -> NDArray[np.float32]:
        """Return (P * headings, size) compressed unit descriptors of panoramas (P, h, columns, D)."""
        headings = self._layout.headings
        columns = pooled_columns(features, self._layout).reshape(len(features), headings, -1)
        spectrum = scipy.fft.rfft(columns, axis=1).transpose(1, 0, 2)
        products = scipy.fft.irfft(np.matmul(spectrum, self._kernel), n=headings, axis=0).transpose(1, 0, 2)
        energy = np.square(columns).sum(axis=2)
        energy = np.concatenate([energy, energy[:, : self._width - 1]], axis=1)
        norms = np.sqrt(np.lib.stride_tricks.sliding_window_view(energy, self._width, axis=1).sum(axis=2))
        compressed = products / np.maximum(norms, 1e-9)[..., None]
        return np.ascontiguousarray(compressed.reshape(len(features) * headings, -1), dtype=np.float32)


class HeadingCoder:
    """Codes the descriptors of the indexed headings of a panorama."""

    def __init__(self, coding: DescriptorCoding, layout: FeatureLayout) -> None:
        """Take the coding, and how features are arranged."""
        self._coding, self._layout = coding, layout
        self._compressor = HeadingCompressor(coding.components, layout)

    def encode(self, panorama: StoredFeatures) -> NDArray[np.uint8]:
        """Return the codes (indexed headings, bytes) of a panorama (h, columns, D) of integers.

        They depend on this panorama only, to the bit.
        """
        compressed = self._compressor.compress(panorama[None])
        return self._coding.encode(every_heading(heading_step_of(self._layout), compressed, self._layout))


def heading_step_of(layout: FeatureLayout) -> int:
    """Return the distance of indexed headings: as many as are ``MAX_COLUMN_STEP`` columns of features apart.

    Matching compares the headings in between. The embedding of a whole image has no features to compare.
    """
    if layout.embeds_whole_image:
        return 1
    steps = range(1, MAX_COLUMN_STEP // layout.pool + 1)
    return max((step for step in steps if layout.headings % step == 0), default=1)


def every_heading(step: int, descriptors: NDArray[np.float32], layout: FeatureLayout) -> NDArray[np.float32]:
    """Return the descriptors of every ``step``-th heading, of those (P * headings, size) of all headings."""
    by_place = descriptors.reshape(-1, layout.headings, descriptors.shape[1])
    return np.ascontiguousarray(by_place[:, ::step].reshape(-1, descriptors.shape[1]))
