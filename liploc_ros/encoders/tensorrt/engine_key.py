"""What an engine depends on. Whatever changes here gives another engine."""

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import Field

from liploc_ros.encoders.encoder import ModelError
from liploc_ros.encoders.spec import HEADINGS_PER_BATCH, ModelSpec, Part
from liploc_ros.encoders.tensorrt.fp16 import SCHEME
from liploc_ros.encoders.tensorrt.module import Flavour, FlavourName
from liploc_ros.schema import FrozenModel

Precision = Literal["fp32", "fp16"]
Shape = tuple[int, int, int, int]

CAMERAS_AT_ONCE = 8
PANORAMAS_AT_ONCE = 4
WORKSPACE = 1 << 30


class Profile(FrozenModel):
    """Shapes (N, 3, H, W) of the input that an engine takes; it is quickest at ``usual``."""

    least: Shape
    usual: Shape
    most: Shape

    def holds(self, shape: tuple[int, ...]) -> bool:
        """Whether the engine takes an input of this shape."""
        return len(shape) == 4 and all(
            low <= size <= high for low, size, high in zip(self.least, shape, self.most, strict=True)
        )


class EngineKey(FrozenModel):
    """All that an engine depends on; its digest names the engine's files."""

    onnx: str = Field(description="sha256 of the ONNX file")
    flavour: FlavourName
    version: str = Field(description="of the flavour's library")
    gpu: str = Field(description="name of the GPU; empty: any of the compute capability")
    capability: str = Field(description="compute capability, such as sm89")
    precision: Precision
    profile: Profile
    workspace: int = Field(gt=0, description="most bytes of the GPU's memory for a layer's scratch")
    flags: tuple[str, ...] = Field(description="further settings of the builder")

    @property
    def digest(self) -> str:
        """Hash of all fields, by their names."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def __str__(self) -> str:
        where = self.gpu or "any GPU"
        return f"{self.flavour} {self.version}, {self.precision}, {self.capability} ({where})"


def profile_of(spec: ModelSpec, part: Part) -> Profile:
    """Return the shapes that an encoder of a bundle meets: the camera's is fixed, of a panorama the width is free."""
    grid, inputs = spec.grid, spec.inputs
    if part == "camera":
        side = inputs.image_side
        height, width = (side, side) if spec.method == "liploc" else (grid.height, grid.width)
        return Profile(
            least=(1, 3, height, width), usual=(1, 3, height, width), most=(CAMERAS_AT_ONCE, 3, height, width)
        )
    if spec.method == "liploc":
        size = (3, grid.height, grid.width)
        return Profile(least=(1, *size), usual=(HEADINGS_PER_BATCH, *size), most=(HEADINGS_PER_BATCH, *size))
    around = grid.panorama_width + 2 * inputs.panorama_margin
    return Profile(
        least=(1, 3, grid.height, grid.width),
        usual=(1, 3, grid.height, around),
        most=(PANORAMAS_AT_ONCE, 3, grid.height, around),
    )


def key_for(
    path: Path, profile: Profile, flavour: Flavour, gpu: str, capability: str, precision: Precision
) -> EngineKey:
    """Return the key of the engine of an ONNX file.

    Args:
        path: the ONNX file.
        profile: shapes of its input.
        flavour: that builds and runs it.
        gpu: name of the GPU. An engine of TensorRT-RTX is for all GPUs of a compute capability, which finish it.
        capability: its compute capability, such as ``sm89``.
        precision: of weights and arithmetic.

    Raises:
        ModelError: the file cannot be read.
    """
    try:
        onnx = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}): check the path") from error
    return EngineKey(
        onnx=onnx,
        flavour=flavour.name,
        version=flavour.version,
        gpu="" if flavour.is_rtx else gpu,
        capability=capability,
        precision=precision,
        profile=profile,
        workspace=WORKSPACE,
        flags=("strongly typed", "no TF32", f"fp16 scheme {SCHEME}"),
    )
