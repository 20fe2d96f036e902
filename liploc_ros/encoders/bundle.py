"""The model bundle: a folder with both encoders and what must be known to use them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from liploc_ros.encoders.backends import Backend, BackendSettings, Choice, open_encoder
from liploc_ros.encoders.encoder import Encoder, ModelError
from liploc_ros.encoders.inputs import (
    camera_cell_mask,
    camera_input,
    heading_inputs,
    lidar_cell_mask,
    lidar_input,
    panorama_input,
)
from liploc_ros.encoders.spec import FILES, FORMAT_VERSION, HEADINGS_AT_ONCE, ModelSpec, Part
from liploc_ros.encoders.tensorrt.engine_key import Precision
from liploc_ros.geometry import MountedCamera
from liploc_ros.views import CameraView, CameraViewer, Panorama, Viewer, WholeImageViewer

DEFAULT_BUNDLE = Path(__file__).parent.parent / "models" / "default"
ADDED = ("fill_rows", "lidar_channels", "lidar_empty", "image_side")
SPEC_FILE, CAMERA_FILE, LIDAR_FILE = "model.json", FILES["camera"], FILES["lidar"]


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
        return cls(path, _id(spec), spec)

    def encoders(self, threads: int = 0, backend: Backend = "onnx", precision: Precision = "fp16") -> "Encoders":
        """Return both encoders, loaded when first used; see :class:`~liploc_ros.encoders.backends.BackendSettings`."""
        return Encoders(self, BackendSettings(backend, precision, threads))


class Encoders:
    """Both encoders of a bundle, from drawn views to masked cells."""

    def __init__(self, bundle: ModelBundle, settings: BackendSettings | None = None) -> None:
        self.bundle = bundle
        self._settings = settings or BackendSettings()
        self._closed = False

    @cached_property
    def camera_choice(self) -> Choice:
        """The camera encoder, and why it runs where it does.

        Raises:
            ModelError: the backend that was asked for cannot run.
        """
        return self._open("camera")

    @cached_property
    def lidar_choice(self) -> Choice:
        """The LiDAR encoder, and why it runs where it does.

        Raises:
            ModelError: the backend that was asked for cannot run.
        """
        return self._open("lidar")

    @property
    def camera(self) -> Encoder:
        """The camera encoder."""
        return self.camera_choice.encoder

    @property
    def lidar(self) -> Encoder:
        """The LiDAR encoder."""
        return self.lidar_choice.encoder

    def close(self) -> None:
        """Free what the runtimes hold, a GPU's memory for one; nothing can be encoded after that."""
        self._closed = True
        for name in ("camera_choice", "lidar_choice"):
            choice = self.__dict__.pop(name, None)
            if choice is not None:
                choice.encoder.close()

    def _open(self, part: Part) -> Choice:
        if self._closed:
            raise ModelError(f"{self.bundle.path}: the encoders were closed: take new ones of the bundle")
        return open_encoder(self.bundle.path, self.bundle.spec, part, self._settings)

    def viewer(self, mounted: MountedCamera, heading: float = 0.0) -> Viewer:
        """Return what makes this model's views of a camera's images.

        Args:
            mounted: the camera.
            heading: yaw [rad] in the base frame along which it looks.
        """
        if self.bundle.spec.method == "liploc":
            return WholeImageViewer(mounted, self.bundle.spec.inputs.image_side)
        return CameraViewer(self.bundle.spec.grid, mounted, heading)

    def encode_camera(self, view: CameraView) -> NDArray[np.float32]:
        """Return cells (h, w, D) of a camera view: unit vectors, 0 where the camera sees less than half of a cell.

        Of a whole image it is a single cell.
        """
        return self.encode_cameras([view])[0]

    def encode_cameras(self, views: Sequence[CameraView]) -> list[NDArray[np.float32]]:
        """Return the cells (h, w, D) of several cameras' views, which go through the encoder together."""
        spec = self.bundle.spec
        cells = self.camera.encode(np.stack([camera_input(view, spec.inputs) for view in views])).transpose(0, 2, 3, 1)
        if spec.method == "liploc":
            return [np.ascontiguousarray(c) for c in cells]
        masks = [camera_cell_mask(view.mask, spec.stride)[..., None] for view in views]
        return [np.ascontiguousarray(c * mask) for c, mask in zip(cells, masks, strict=True)]

    def encode_panorama(self, panorama: Panorama) -> NDArray[np.float32]:
        """Return cells (h, w, D) of a whole panorama, closed all round: unit vectors, 0 where nothing returned.

        Of a model for whole images it is one row, and a cell is all that is seen along a heading.
        """
        spec = self.bundle.spec
        if spec.method == "liploc":
            return self._encode_headings(panorama)
        cells = self.lidar.encode(panorama_input(panorama, spec)[None])[0].transpose(1, 2, 0)
        first = spec.inputs.panorama_margin // spec.stride
        cells = cells[:, first : first + panorama.range.shape[1] // spec.stride]
        return np.ascontiguousarray(cells * lidar_cell_mask(panorama.mask, spec.stride)[..., None])

    def _encode_headings(self, panorama: Panorama) -> NDArray[np.float32]:
        """Return (1, headings, D); the window of a heading begins ``stride`` columns after that of the one before."""
        spec = self.bundle.spec
        around = lidar_input(panorama, spec.grid, spec.inputs)
        first = np.arange(0, panorama.range.shape[1], spec.stride)
        columns = (first[:, None] + np.arange(spec.grid.width)) % panorama.range.shape[1]
        cells = np.empty((1, len(first), spec.channels), np.float32)
        for start in range(0, len(first), HEADINGS_AT_ONCE):
            some = np.arange(start, min(start + HEADINGS_AT_ONCE, len(first)))
            cells[0, some] = self.lidar.encode(heading_inputs(around, spec, some))[:, :, 0, 0]
        returned = np.asarray(panorama.mask.any(axis=0))[columns].any(axis=1)
        return np.asarray(cells * returned[:, None], dtype=np.float32)


def _id(spec: ModelSpec) -> str:
    """Return the hash of what a descriptor depends on.

    What was added to the grid and the inputs later counts only where it is not as it was before: maps stay valid.
    """
    digest = hashlib.sha256("".join(f"{name}{spec.files[name]}" for name in sorted(spec.files)).encode())
    for part in (spec.grid, spec.inputs):
        fields = type(part).model_fields
        as_before = {name for name in ADDED if name in fields and getattr(part, name) == fields[name].default}
        digest.update(part.model_dump_json(exclude=as_before).encode())
    if spec.method != "aligned" or spec.pool != 2:
        digest.update(f"{spec.method}{spec.stride}{spec.pool}".encode())
    return digest.hexdigest()


def _check(path: Path, expected: str) -> None:
    try:
        actual = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}): copy the bundle again") from error
    if actual != expected:
        raise ModelError(f"{path}: checksum {actual[:12]} is not {expected[:12]} of {SPEC_FILE}: copy the bundle again")
