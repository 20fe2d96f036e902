# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The model bundle: a folder with both encoders and the description needed to use them."""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from liploc_ros.encoders.backends import Backend, BackendSettings, Choice, open_encoder
from liploc_ros.encoders.coding import CODING_FILE, MapCoding
from liploc_ros.encoders.encoder import Encoder, ModelError
from liploc_ros.encoders.inputs import (
    camera_cell_mask,
    camera_input,
    heading_inputs,
    lidar_cell_mask,
    lidar_input,
    panorama_input,
)
from liploc_ros.encoders.spec import FORMAT_VERSION, FP16_FILES, HEADINGS_PER_BATCH, ModelSpec, Part, Precision
from liploc_ros.files import check_replaceable, expand_path, replace_folder, sha256_of, write_file
from liploc_ros.geometry import MountedCamera
from liploc_ros.schema import first_fault
from liploc_ros.views import CameraView, CameraViewer, Panorama, Viewer, WholeImageViewer

DEFAULT_BUNDLE = Path(__file__).parent.parent / "models" / "default"
SPEC_FILE = "model.json"
# Fields of the grid and the inputs that later versions added: at their defaults they do not change the id of a bundle.
ADDED_FIELDS = ("fill_rows", "lidar_channels", "lidar_empty", "image_side")


@dataclass(frozen=True)
class ModelBundle:
    """A verified bundle.

    Attributes:
        path: its folder.
        id: hash of everything that descriptors depend on; maps name the model that built them by it.
        spec: the description in ``model.json``.

    Examples:
        >>> bundle = ModelBundle.load()
        >>> bundle.path.name, len(bundle.id)
        ('default', 64)
        >>> bundle.spec.grid.width, bundle.spec.grid.height, bundle.spec.rows
        (256, 64, 8)
    """

    path: Path
    id: str
    spec: ModelSpec

    @classmethod
    def load(cls, path: Path | None = None) -> "ModelBundle":
        """Read and verify a bundle; without a path the default one.

        Raises:
            ModelError: a file is missing, damaged, or of a newer format.
        """
        path = DEFAULT_BUNDLE if path is None else expand_path(path)
        try:
            text = (path / SPEC_FILE).read_bytes()
        except OSError as error:
            raise ModelError(f"{path}: no model bundle here ({SPEC_FILE}: {error.strerror}): check the path") from error
        try:
            spec = ModelSpec.model_validate_json(text)
        except ValidationError as error:
            raise ModelError(f"{path / SPEC_FILE}: {first_fault(error)}: export the model again") from error
        if spec.format_version > FORMAT_VERSION:
            raise ModelError(
                f"{path}: bundle of format {spec.format_version}, this version reads up to {FORMAT_VERSION}: "
                "update liploc_ros"
            )
        for name, expected in spec.files.items():
            _verify(path / name, expected)
        if spec.coding is not None:
            _verify(path / CODING_FILE, spec.coding)
        return cls(path, _id_of(spec), spec)

    @cached_property
    def coding(self) -> MapCoding | None:
        """The coding of maps, or None for a bundle without one.

        Raises:
            ModelError: it cannot be used.
        """
        return None if self.spec.coding is None else MapCoding.read(self.path / CODING_FILE, self.spec)

    def without_coding(self) -> "ModelBundle":
        """Return the bundle as if it had no coding: its maps store features as integers."""
        return replace(self, spec=self.spec.model_copy(update={"coding": None}))

    def write_coding(self, coding: MapCoding) -> "ModelBundle":
        """Add a coding to the bundle's folder, or replace it. The id stays: maps without a coding remain valid.

        Raises:
            FileError: the folder cannot be written.
        """
        check_replaceable(self.path, SPEC_FILE)
        content = coding.to_bytes()
        spec = self.spec.model_copy(update={"coding": hashlib.sha256(content).hexdigest()})
        with replace_folder(self.path) as new:
            shutil.copytree(self.path, new, dirs_exist_ok=True)
            write_file(new / CODING_FILE, content)
            write_file(new / SPEC_FILE, spec.model_dump_json(indent=2) + "\n")
        return ModelBundle.load(self.path)

    def encoders(self, threads: int = 0, backend: Backend = "onnx", precision: Precision = "fp16") -> "Encoders":
        """Return both encoders, loaded at first use; see :class:`~liploc_ros.encoders.backends.BackendSettings`."""
        return Encoders(self, BackendSettings(backend, precision, threads))


class Encoders:
    """Both encoders of a bundle: from drawn views to masked features."""

    def __init__(self, bundle: ModelBundle, settings: BackendSettings | None = None) -> None:
        """Take the bundle; an encoder is loaded when it is first used."""
        self.bundle = bundle
        self._settings = settings or BackendSettings()
        self._closed = False

    @cached_property
    def camera_choice(self) -> Choice:
        """The camera encoder, and the reason for its backend.

        Raises:
            ModelError: the requested backend cannot run.
            FileError: the cache of engines cannot be written.
        """
        return self._open("camera")

    @cached_property
    def lidar_choice(self) -> Choice:
        """The LiDAR encoder, and the reason for its backend.

        Raises:
            ModelError: the requested backend cannot run.
            FileError: the cache of engines cannot be written.
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
        """Free what the runtimes hold, such as GPU memory. The encoders cannot be used afterwards."""
        self._closed = True
        for name in ("camera_choice", "lidar_choice"):
            choice = self.__dict__.pop(name, None)
            if choice is not None:
                choice.encoder.close()

    def viewer(self, mounted: MountedCamera, heading: float = 0.0) -> Viewer:
        """Return the object that draws this model's views from a camera's images.

        Args:
            mounted: the camera.
            heading: yaw [rad] in the base frame of the middle of the views.
        """
        spec = self.bundle.spec
        if spec.embeds_whole_image:
            return WholeImageViewer(mounted, spec.inputs.image_side)
        return CameraViewer(spec.grid, mounted, heading)

    def encode_camera(self, view: CameraView) -> NDArray[np.float32]:
        """Return features (h, w, D) of a camera view, 0 where the camera sees less than half of a cell.

        A model of whole images gives (1, 1, D).
        """
        return self.encode_cameras([view])[0]

    def encode_cameras(self, views: Sequence[CameraView]) -> list[NDArray[np.float32]]:
        """Return the features (h, w, D) of several camera views, encoded in one batch."""
        spec = self.bundle.spec
        output = self.camera.encode(np.stack([camera_input(view, spec.inputs) for view in views]))
        features = output.transpose(0, 2, 3, 1)
        if spec.embeds_whole_image:
            return [np.ascontiguousarray(f) for f in features]
        masks = [camera_cell_mask(view.mask, spec.stride)[..., None] for view in views]
        return [np.ascontiguousarray(f * mask) for f, mask in zip(features, masks, strict=True)]

    def encode_panorama(self, panorama: Panorama) -> NDArray[np.float32]:
        """Return features (h, columns, D) of a panorama: unit vectors, 0 where nothing returned.

        A model of whole images gives one row; each of its columns is the embedding of one heading.
        """
        spec = self.bundle.spec
        if spec.embeds_whole_image:
            return self._encode_headings(panorama)
        features = self.lidar.encode(panorama_input(panorama, spec)[None])[0].transpose(1, 2, 0)
        first = spec.inputs.panorama_margin // spec.stride
        features = features[:, first : first + spec.panorama_columns]
        return np.ascontiguousarray(features * lidar_cell_mask(panorama.mask, spec.stride)[..., None])

    def _encode_headings(self, panorama: Panorama) -> NDArray[np.float32]:
        """Return (1, headings, D); the window of each heading begins ``stride`` columns after the previous one."""
        spec = self.bundle.spec
        panorama_channels = lidar_input(panorama, spec.grid, spec.inputs)
        first = np.arange(0, panorama.range.shape[1], spec.stride)
        columns = (first[:, None] + np.arange(spec.grid.width)) % panorama.range.shape[1]
        features = np.empty((1, len(first), spec.channels), np.float32)
        for start in range(0, len(first), HEADINGS_PER_BATCH):
            batch = np.arange(start, min(start + HEADINGS_PER_BATCH, len(first)))
            features[0, batch] = self.lidar.encode(heading_inputs(panorama_channels, spec, batch))[:, :, 0, 0]
        returned = np.asarray(panorama.mask.any(axis=0))[columns].any(axis=1)
        return np.asarray(features * returned[:, None], dtype=np.float32)

    def _open(self, part: Part) -> Choice:
        if self._closed:
            raise ModelError(f"{self.bundle.path}: the encoders were closed: create new ones from the bundle")
        return open_encoder(self.bundle.path, self.bundle.spec, part, self._settings)


def _id_of(spec: ModelSpec) -> str:
    """Return the hash of everything that a descriptor depends on.

    Fields in :data:`ADDED_FIELDS` count only if they differ from their defaults, so that existing maps stay valid. The
    fp16 files do not count: they are the same networks, and maps are valid for both.
    """
    names = sorted(spec.files.keys() - set(FP16_FILES.values()))
    digest = hashlib.sha256("".join(f"{name}{spec.files[name]}" for name in names).encode())
    for part in (spec.grid, spec.inputs):
        fields = type(part).model_fields
        unchanged = {name for name in ADDED_FIELDS if name in fields and getattr(part, name) == fields[name].default}
        digest.update(part.model_dump_json(exclude=unchanged).encode())
    if spec.embeds_whole_image or spec.pool != 2:
        digest.update(f"{spec.method}{spec.stride}{spec.pool}".encode())
    return digest.hexdigest()


def _verify(path: Path, expected: str) -> None:
    try:
        actual = sha256_of(path)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}): copy the bundle again") from error
    if actual != expected:
        raise ModelError(f"{path}: checksum {actual[:12]} is not {expected[:12]} of {SPEC_FILE}: copy the bundle again")
