# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The coding of maps, which belongs to a model bundle: ``coding.npz``."""

import hashlib
import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liploc_ros.encoders.coding.descriptor_coding import DescriptorCoding
from liploc_ros.encoders.coding.feature_coding import FeatureCoding
from liploc_ros.encoders.coding.product_quantizer import ENTRIES, ProductQuantizer
from liploc_ros.encoders.encoder import ModelError
from liploc_ros.encoders.spec import FeatureLayout

CODING_FILE = "coding.npz"
VERSION = 1  # of the meaning of the arrays
REMEDY = "copy the bundle again, or fit the coding again with `liploc fit-coding`"


@dataclass(frozen=True, eq=False)
class MapCoding:
    """How a map stores the features and descriptors of a model in few bytes.

    Attributes:
        features: coding of the features of panoramas.
        descriptors: coding of the descriptors of places and headings.
    """

    features: FeatureCoding
    descriptors: DescriptorCoding

    @cached_property
    def id(self) -> str:
        """Hash of the coding; coded maps name their coding by it."""
        digest = hashlib.sha256(f"coding {VERSION}".encode())
        for name, array in self._arrays().items():
            digest.update(f"{name}{array.shape}".encode() + array.tobytes())
        return digest.hexdigest()

    def to_bytes(self) -> bytes:
        """Return the content of ``coding.npz``. It is the same for the same coding."""
        file = io.BytesIO()
        np.savez(file, version=np.array(VERSION), **self._arrays())  # type: ignore[arg-type]
        return file.getvalue()

    @classmethod
    def read(cls, path: Path, layout: FeatureLayout) -> "MapCoding":
        """Read ``coding.npz``.

        Args:
            path: the file.
            layout: of the model's features, which the coding must fit.

        Raises:
            ModelError: it cannot be read, is damaged, newer, or of another model.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                version = int(file["version"])
                if version > VERSION:
                    raise ModelError(
                        f"{path}: coding of version {version}, this version reads {VERSION}: update liploc_ros"
                    )
                arrays = {name: file[name] for name in NAMES}
        except ModelError:
            raise
        except Exception as error:  # zipfile, zlib and numpy have many errors for damaged files
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ModelError(f"{path}: cannot be read ({reason}): {REMEDY}") from error
        _check(path, arrays, layout)
        features, codebooks, gains, descriptors, descriptor_codebooks = (arrays[n].astype(np.float32) for n in NAMES)
        return cls(
            FeatureCoding(features, gains, ProductQuantizer(codebooks)),
            DescriptorCoding(descriptors, ProductQuantizer(descriptor_codebooks)),
        )

    def _arrays(self) -> dict[str, NDArray[np.float16]]:
        arrays = (
            self.features.components,
            self.features.quantizer.codebooks,
            self.features.gains,
            self.descriptors.components,
            self.descriptors.quantizer.codebooks,
        )
        return {name: np.ascontiguousarray(array, np.float16) for name, array in zip(NAMES, arrays, strict=True)}


FEATURES, DESCRIPTORS = ("feature_components", "feature_codebooks"), ("descriptor_components", "descriptor_codebooks")
GAINS = "feature_gains"
NAMES = (*FEATURES, GAINS, *DESCRIPTORS)


def _check(path: Path, arrays: dict[str, NDArray[Any]], layout: FeatureLayout) -> None:
    """Check types, shapes and values.

    Raises:
        ModelError: one is wrong.
    """
    pooled = layout.rows // layout.pool * (layout.view_columns // layout.pool) * layout.channels
    expected = ((layout.rows, layout.channels), (pooled,))
    for name, array in arrays.items():
        if array.dtype != np.float16 or not np.isfinite(array).all():
            raise ModelError(f"{path}: {name}: {array.dtype}, not finite numbers of type float16: {REMEDY}")
    if arrays[GAINS].shape != (layout.rows,):
        raise ModelError(f"{path}: {GAINS}: shape {arrays[GAINS].shape}, this model needs {(layout.rows,)}: {REMEDY}")
    for (components, codebooks), shape in zip((FEATURES, DESCRIPTORS), expected, strict=True):
        actual, books = arrays[components].shape, arrays[codebooks].shape
        if actual[:-1] != shape:
            raise ModelError(
                f"{path}: {components}: shape {actual}, the model's features need {(*shape, 'd')}: {REMEDY}"
            )
        if len(books) != 3 or books[1] != ENTRIES or books[0] * books[2] != actual[-1]:
            raise ModelError(f"{path}: {codebooks}: shape {books} does not fit {actual[-1]} components: {REMEDY}")
