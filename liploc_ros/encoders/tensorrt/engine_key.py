# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Everything that an engine depends on. A change of any value gives another engine."""

import hashlib
from pathlib import Path

from pydantic import Field

from liploc_ros.encoders.encoder import ModelError
from liploc_ros.encoders.spec import HEADINGS_PER_BATCH, ModelSpec, Part, Precision
from liploc_ros.encoders.tensorrt.engine_target import PORTABLE
from liploc_ros.encoders.tensorrt.flavour import Flavour, FlavourName
from liploc_ros.files import sha256_of
from liploc_ros.schema import FrozenModel

Shape = tuple[int, int, int, int]

MAX_CAMERA_BATCH = 8
MAX_PANORAMA_BATCH = 4
WORKSPACE = 1 << 30  # byte


class OptimizationProfile(FrozenModel):
    """The input shapes (N, 3, H, W) that an engine takes; it is tuned for ``opt``."""

    min: Shape
    opt: Shape
    max: Shape

    def contains(self, shape: tuple[int, ...]) -> bool:
        """Whether the engine takes an input of this shape."""
        return len(shape) == 4 and all(
            low <= size <= high for low, size, high in zip(self.min, shape, self.max, strict=True)
        )


class EngineKey(FrozenModel):
    """Everything that an engine depends on; its digest is the name of the engine's files."""

    onnx_sha256: str = Field(description="of the ONNX file")
    flavour: FlavourName
    version: str = Field(description="of the flavour's library")
    gpu_name: str = Field(description="empty: any GPU of the target")
    target: str = Field(description="compute capability such as sm89, or portable (Ampere to Blackwell)")
    precision: Precision
    profile: OptimizationProfile
    workspace: int = Field(gt=0, description="maximum scratch memory of a layer on the GPU [byte]")
    flags: tuple[str, ...] = Field(description="further settings of the builder")

    @property
    def digest(self) -> str:
        """Hash of the names and values of all fields."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def __str__(self) -> str:
        gpu = self.gpu_name or ("Ampere to Blackwell" if self.target == PORTABLE else "any GPU")
        return f"{self.flavour} {self.version}, {self.precision}, {self.target} ({gpu})"


def profile_of(spec: ModelSpec, part: Part) -> OptimizationProfile:
    """Return the input shapes of an encoder of a bundle.

    The size of camera views is fixed. The width of panoramas varies from that of a view to that of a whole panorama.
    """
    grid, inputs = spec.grid, spec.inputs
    if part == "camera":
        side = inputs.image_side
        size = (3, side, side) if spec.embeds_whole_image else (3, grid.height, grid.width)
        return OptimizationProfile(min=(1, *size), opt=(1, *size), max=(MAX_CAMERA_BATCH, *size))
    if spec.embeds_whole_image:
        size = (3, grid.height, grid.width)
        return OptimizationProfile(min=(1, *size), opt=(HEADINGS_PER_BATCH, *size), max=(HEADINGS_PER_BATCH, *size))
    panorama_width = grid.panorama_width + 2 * inputs.panorama_margin
    return OptimizationProfile(
        min=(1, 3, grid.height, grid.width),
        opt=(1, 3, grid.height, panorama_width),
        max=(MAX_PANORAMA_BATCH, 3, grid.height, panorama_width),
    )


def key_for(
    path: Path,
    profile: OptimizationProfile,
    flavour: Flavour,
    gpu_name: str,
    target: str,
    precision: Precision,
) -> EngineKey:
    """Return the key of the engine of an ONNX file.

    Args:
        path: the ONNX file.
        profile: shapes of its input.
        flavour: builds and runs the engine.
        gpu_name: of the GPU. It is ignored for TensorRT-RTX, whose engines run on every GPU of their target.
        target: see :func:`~liploc_ros.encoders.tensorrt.engine_target.engine_target`.
        precision: of the network in the file.

    Raises:
        ModelError: the file cannot be read.
    """
    try:
        onnx_sha256 = sha256_of(path)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}): check the path") from error
    return EngineKey(
        onnx_sha256=onnx_sha256,
        flavour=flavour.name,
        version=flavour.version,
        gpu_name="" if flavour.is_rtx else gpu_name,
        target=target,
        precision=precision,
        profile=profile,
        workspace=WORKSPACE,
        flags=("strongly typed", "no TF32"),
    )
