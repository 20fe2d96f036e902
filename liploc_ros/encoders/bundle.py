"""The model bundle: a folder with both encoders and what must be known to use them."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from liploc_ros.encoders.encoder import Encoder, ModelError
from liploc_ros.encoders.inputs import camera_cell_mask, camera_input, lidar_cell_mask, lidar_input
from liploc_ros.encoders.onnx import OnnxEncoder
from liploc_ros.encoders.spec import FORMAT_VERSION, ModelSpec
from liploc_ros.views import CameraView, Panorama

DEFAULT_BUNDLE = Path(__file__).parent.parent / "models" / "default"
SPEC_FILE, CAMERA_FILE, LIDAR_FILE = "model.json", "camera.onnx", "lidar.onnx"


@dataclass(frozen=True)
class ModelBundle:
    """A checked bundle: ``id`` is the hash by which maps name the model that made them."""

    path: Path
    id: str
    spec: ModelSpec

    @classmethod
    def load(cls, path: Path | None = None) -> "ModelBundle":
        """Read and check a bundle; without a path the default one.

        Raises:
            ModelError: a file is missing, damaged, or of a newer format.
        """
        path = DEFAULT_BUNDLE if path is None else Path(path)
        try:
            text = (path / SPEC_FILE).read_bytes()
        except OSError as error:
            raise ModelError(f"{path}: no model bundle here ({SPEC_FILE}: {error.strerror}): check the path") from error
        try:
            spec = ModelSpec.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            where = "".join(f"{part}: " for part in first["loc"])
            raise ModelError(f"{path / SPEC_FILE}: {where}{first['msg']}: export the model again") from error
        if spec.format_version > FORMAT_VERSION:
            raise ModelError(
                f"{path}: bundle of format {spec.format_version}, this version reads up to {FORMAT_VERSION}: "
                "update liploc_ros"
            )
        for name, expected in spec.files.items():
            _check(path / name, expected)
        digest = hashlib.sha256("".join(f"{name}{spec.files[name]}" for name in sorted(spec.files)).encode())
        digest.update(spec.grid.model_dump_json().encode() + spec.inputs.model_dump_json().encode())
        return cls(path, digest.hexdigest(), spec)

    def encoders(self, threads: int = 0) -> "Encoders":
        """Return both encoders, loaded when first used; ``threads`` 0 takes one for each core."""
        return Encoders(self, threads)


class Encoders:
    """Both encoders of a bundle, from drawn views to masked cells."""

    def __init__(self, bundle: ModelBundle, threads: int = 0) -> None:
        self.bundle = bundle
        self._threads = threads

    @cached_property
    def camera(self) -> Encoder:
        """The camera encoder."""
        return OnnxEncoder(self.bundle.path / CAMERA_FILE, self._threads)

    @cached_property
    def lidar(self) -> Encoder:
        """The LiDAR encoder."""
        return OnnxEncoder(self.bundle.path / LIDAR_FILE, self._threads)

    def encode_camera(self, view: CameraView) -> NDArray[np.float32]:
        """Return cells (h, w, D) of a camera view: unit vectors, 0 where the camera sees less than half of a cell."""
        spec = self.bundle.spec
        cells = self.camera.encode(camera_input(view, spec.inputs)[None])[0].transpose(1, 2, 0)
        return np.ascontiguousarray(cells * camera_cell_mask(view.mask, spec.stride)[..., None])

    def encode_panorama(self, panorama: Panorama) -> NDArray[np.float32]:
        """Return cells (h, w, D) of a whole panorama, closed all round: unit vectors, 0 where nothing returned."""
        spec = self.bundle.spec
        margin = spec.inputs.panorama_margin
        around = np.pad(lidar_input(panorama, spec.grid, spec.inputs), ((0, 0), (0, 0), (margin, margin)), mode="wrap")
        cells = self.lidar.encode(around[None])[0].transpose(1, 2, 0)
        first = margin // spec.stride
        cells = cells[:, first : first + panorama.range.shape[1] // spec.stride]
        return np.ascontiguousarray(cells * lidar_cell_mask(panorama.mask, spec.stride)[..., None])


def _check(path: Path, expected: str) -> None:
    try:
        actual = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}): copy the bundle again") from error
    if actual != expected:
        raise ModelError(f"{path}: checksum {actual[:12]} is not {expected[:12]} of {SPEC_FILE}: copy the bundle again")
