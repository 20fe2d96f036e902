"""What every runtime of an encoder offers."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from liploc_ros.errors import LiplocError


class ModelError(LiplocError):
    """A model bundle or a runtime that cannot be used."""


class Encoder(Protocol):
    """A fully convolutional encoder: from drawn views to one unit vector per cell."""

    @property
    def runtime(self) -> str:
        """Short name of the runtime for logs and diagnostics, for instance ``onnxruntime CPU``."""

    def encode(self, views: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return cells (N, D, H / s, W / s), unit length over D, of normalised views (N, 3, H, W); s is the stride."""

    def close(self) -> None:
        """Free what the runtime holds; the encoder is not used after that."""
