# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The coding of maps, which belongs to a model bundle: ``coding.npz``."""

import hashlib
import io
from collections.abc import Sequence
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
VERSION = 2  # of the meaning of the arrays; in version 1, a block is one column
REMEDY = "copy the bundle again, or fit the coding again with `liploc fit-coding`"


@dataclass(frozen=True, eq=False)
class MapCoding:
    """How a map stores the features and descriptors of a model in few bytes.

    Attributes:
        features: coding of the features of panoramas.
        descriptors: coding of the descriptors of places and headings.
        older: an earlier coding of the features, with the same coding of descriptors. Maps that have it are read.
    """

    features: FeatureCoding
    descriptors: DescriptorCoding
    older: FeatureCoding | None = None

    @cached_property
    def id(self) -> str:
        """Hash of the coding; coded maps name their coding by it."""
        digest = hashlib.sha256(f"coding {self._version}".encode())
        arrays = _arrays_of_features(self.features) | _arrays_of_descriptors(self.descriptors)
        if self._version == 1:
            arrays[COMPONENTS] = arrays[COMPONENTS][0]
        for name, array in arrays.items():
            digest.update(f"{name}{array.shape}".encode() + array.tobytes())
        return digest.hexdigest()

    def of_map(self, coding_id: str | None) -> "MapCoding | None":
        """Return the coding of a map that names it by its id: this one or the older one; None if it has another."""
        if coding_id == self.id:
            return self
        older = self._of_older_maps
        return older if older is not None and coding_id == older.id else None

    @cached_property
    def _of_older_maps(self) -> "MapCoding | None":
        """The coding of maps that have the older coding of features; its id takes milliseconds."""
        return None if self.older is None else MapCoding(self.older, self.descriptors)

    def to_bytes(self) -> bytes:
        """Return the content of ``coding.npz``. It is the same for the same coding."""
        arrays = _arrays_of_features(self.features) | _arrays_of_descriptors(self.descriptors)
        if self.older is not None:
            arrays |= {OLDER + name: array for name, array in _arrays_of_features(self.older).items()}
        file = io.BytesIO()
        np.savez(file, version=np.array(VERSION), **arrays)  # type: ignore[arg-type]
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
                arrays = {name: file[name] for name in file.files if name != "version"}
            if version == 1:
                arrays[COMPONENTS] = arrays[COMPONENTS][None]
            features, descriptors = (_taken(arrays, names) for names in (FEATURES, DESCRIPTORS))
            older = _taken(arrays, tuple(OLDER + name for name in FEATURES)) if OLDER + COMPONENTS in arrays else None
        except ModelError:
            raise
        except Exception as error:  # zipfile, zlib and numpy have many errors for damaged files
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ModelError(f"{path}: cannot be read ({reason}): {REMEDY}") from error
        _check_descriptors(path, descriptors, layout)
        for of_features in (features, older):
            if of_features is not None:
                _check_features(path, of_features, layout)
        return cls(
            _feature_coding(features),
            DescriptorCoding(_single(descriptors[0]), ProductQuantizer(_single(descriptors[1]))),
            None if older is None else _feature_coding(older),
        )

    @property
    def _version(self) -> int:
        """Version by which the coding is named. Maps of codings of single columns keep the names of version 1."""
        return 1 if self.features.block == 1 else VERSION


COMPONENTS = "feature_components"
FEATURES = (COMPONENTS, "feature_codebooks", "feature_gains")
DESCRIPTORS = ("descriptor_components", "descriptor_codebooks")
OLDER = "older_"
Arrays = tuple[NDArray[Any], ...]


def _arrays_of_features(coding: FeatureCoding) -> dict[str, NDArray[np.float16]]:
    arrays = (coding.components, coding.quantizer.codebooks, coding.gains)
    return {name: np.ascontiguousarray(array, np.float16) for name, array in zip(FEATURES, arrays, strict=True)}


def _arrays_of_descriptors(coding: DescriptorCoding) -> dict[str, NDArray[np.float16]]:
    arrays = (coding.components, coding.quantizer.codebooks)
    return {name: np.ascontiguousarray(array, np.float16) for name, array in zip(DESCRIPTORS, arrays, strict=True)}


def _taken(arrays: dict[str, NDArray[Any]], names: Sequence[str]) -> Arrays:
    return tuple(arrays[name] for name in names)


def _single(array: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(array, np.float32)


def _feature_coding(arrays: Arrays) -> FeatureCoding:
    components, codebooks, gains = map(_single, arrays)
    return FeatureCoding(components, gains, ProductQuantizer(codebooks))


def _check_features(path: Path, arrays: Arrays, layout: FeatureLayout) -> None:
    """Check types, shapes and values of the coding of features.

    Raises:
        ModelError: one is wrong.
    """
    components, codebooks, gains = arrays
    _check_numbers(path, FEATURES, arrays)
    block = components.shape[0] if components.ndim else 0
    if not block or layout.panorama_columns % block:
        raise ModelError(f"{path}: blocks of {block} columns, a panorama has {layout.panorama_columns}: {REMEDY}")
    if gains.shape != (layout.rows,):
        raise ModelError(f"{path}: {FEATURES[2]}: shape {gains.shape}, this model needs {(layout.rows,)}: {REMEDY}")
    _check_shapes(path, FEATURES, components, codebooks, (block, layout.rows, layout.channels))


def _check_descriptors(path: Path, arrays: Arrays, layout: FeatureLayout) -> None:
    """Check types, shapes and values of the coding of descriptors.

    Raises:
        ModelError: one is wrong.
    """
    _check_numbers(path, DESCRIPTORS, arrays)
    pooled = layout.rows // layout.pool * (layout.view_columns // layout.pool) * layout.channels
    _check_shapes(path, DESCRIPTORS, arrays[0], arrays[1], (pooled,))


def _check_numbers(path: Path, names: Sequence[str], arrays: Arrays) -> None:
    for name, array in zip(names, arrays, strict=True):
        if array.dtype != np.float16 or not np.isfinite(array).all():
            raise ModelError(f"{path}: {name}: {array.dtype}, not finite numbers of type float16: {REMEDY}")


def _check_shapes(
    path: Path, names: Sequence[str], components: NDArray[Any], codebooks: NDArray[Any], shape: tuple[int, ...]
) -> None:
    """Check that components are of vectors of a shape, and that codebooks are of the components."""
    actual, books = components.shape, codebooks.shape
    if actual[:-1] != shape:
        raise ModelError(f"{path}: {names[0]}: shape {actual}, the model's features need {(*shape, 'd')}: {REMEDY}")
    if len(books) != 3 or books[1] != ENTRIES or books[0] * books[2] != actual[-1]:
        raise ModelError(f"{path}: {names[1]}: shape {books} does not fit {actual[-1]} components: {REMEDY}")
