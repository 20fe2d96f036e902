# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The interface that every runtime of an encoder implements."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from liploc_ros.errors import LiplocError


class ModelError(LiplocError):
    """A model bundle or a runtime that cannot be used."""


class Encoder(Protocol):
    """A fully convolutional network that turns drawn views into features: one vector per cell.

    Several threads may use one encoder.
    """

    @property
    def runtime(self) -> str:
        """Short name of the runtime for logs and diagnostics, for instance ``onnxruntime CPU``."""

    def encode(self, views: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return features (N, D, H / s, W / s) of normalized views (N, 3, H, W); s is the stride of the model.

        Features have unit length over D. Those of a camera may deviate, if a part of their mean was subtracted.
        """

    def close(self) -> None:
        """Free what the runtime holds. The encoder must not be used afterwards."""
