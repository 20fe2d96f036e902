# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The interface of a training method: samples, batches, networks and loss. The trainer uses nothing else."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from torch import nn

from liploc_ros.datasets.drive import Drive
from liploc_ros.geometry import Pose
from liploc_ros.learning.recipe import BaseRecipe

RANDOM = Path("random")  # no weights are loaded: those of a checkpoint replace them, or a test needs none


@dataclass(frozen=True)
class Batch:
    """Pairs of a camera view and a LiDAR view of the same place.

    Attributes:
        camera: (B, ...) input of the camera encoder.
        lidar: (B, ...) input of the LiDAR encoder.
        mask: (B, h, w) float, 1 where both sensors have data; (B, 1, 1) ones for embeddings of whole images.
        position: (B, 3) float64 [m] in the map frame of the drive.
        drive: (B,) int64, equal for samples of the same drive.
    """

    camera: torch.Tensor
    lidar: torch.Tensor
    mask: torch.Tensor
    position: torch.Tensor
    drive: torch.Tensor

    def __len__(self) -> int:
        return len(self.position)

    def tensors(self) -> tuple[torch.Tensor, ...]:
        """Return all attributes in the order of the constructor."""
        return self.camera, self.lidar, self.mask, self.position, self.drive


class Sample(Protocol):
    """One frame of a drive, in the form that its method uses."""

    @property
    def drive(self) -> str:
        """Name of the drive."""

    @property
    def T_map_base(self) -> Pose:  # noqa: N802
        """Pose of the vehicle."""


class InputSize(NamedTuple):
    """Size of an encoder's input (B, 3, height, width), and whether it accepts other widths."""

    height: int
    width: int
    free_width: bool


S = TypeVar("S", bound=Sample)


class Method(Protocol[S]):
    """A configured training method.

    Encoders are plain modules: (B, 3, H, W) to (B, D, h, w), normally unit vectors along D.
    """

    def model(self, weights: Path | None) -> nn.ModuleDict:
        """Return the modules ``camera``, ``lidar`` and ``loss``; ``loss`` holds the loss's own parameters, if any.

        Args:
            weights: safetensors file of the trunk, None for timm's own download, or ``RANDOM``.
        """

    def parameter_groups(self, model: nn.ModuleDict) -> list[dict[str, Any]]:
        """Return AdamW's groups: ``params``, ``lr`` (the peak of the schedule), ``weight_decay``."""

    def samples(self, drive: Drive) -> Sequence[S]:
        """Return the samples of a drive, one for each frame with an image, a scan and a pose.

        A sample is drawn when it is accessed, and does not depend on which others were drawn before. Methods, drives
        and samples are pickled for worker processes.

        Raises:
            DatasetError: there is no such frame.
        """

    def batch(self, samples: Sequence[S], rng: np.random.Generator | None) -> Batch:
        """Return the samples as a batch, augmented with ``rng``, or without augmentation if ``rng`` is None.

        The arrays of the samples may be read-only.
        """

    def loss(self, model: nn.ModuleDict, camera: torch.Tensor, lidar: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Return the loss of the encoder outputs (B, D, h, w) of the whole batch, gathered over all processes.

        ``lidar`` is already cropped to the camera's h x w. Of ``batch``, only mask, position and drive cover the whole
        batch; its camera and LiDAR inputs may be those of one process.
        """

    def input_sizes(self) -> dict[str, InputSize]:
        """Return the input sizes of the exported ``camera`` and ``lidar`` encoders."""

    def spec(self) -> dict[str, Any]:
        """Return the fields of :class:`~liploc_ros.encoders.ModelSpec` that depend on the method: grid, licence, ..."""

    def trunk(self) -> str:
        """Return timm's name of the pretrained network."""


class Registration(NamedTuple):
    """The class of a method's recipes, and the method, which is called with a recipe."""

    recipe: type[BaseRecipe]
    method: Callable[[Any], Method[Any]]


M = TypeVar("M", bound=Callable[..., Method[Any]])
REGISTERED: dict[str, Registration] = {}


def register(recipe: type[BaseRecipe]) -> Callable[[M], M]:
    """Register the decorated method under the ``method`` that its recipes have by default."""

    def decorate(method: M) -> M:
        REGISTERED[recipe.model_fields["method"].default] = Registration(recipe, method)
        return method

    return decorate


def positions_and_drives(samples: Sequence[Sample]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ``position`` and ``drive`` of a batch; a drive has the same number in every process and run."""
    positions = np.stack([sample.T_map_base[:3, 3] for sample in samples])
    drives = np.array([zlib.crc32(sample.drive.encode()) for sample in samples], dtype=np.int64)
    return torch.from_numpy(positions), torch.from_numpy(drives)


def ignored_pairs(batch: Batch, min_distance: float) -> torch.Tensor:
    """Return (B, B) bool: pairs of one drive closer than ``min_distance`` [m], without the diagonal.

    Such views are too similar to be negatives of each other.
    """
    near = torch.cdist(batch.position, batch.position, compute_mode="donot_use_mm_for_euclid_dist") < min_distance
    near &= batch.drive[:, None] == batch.drive[None]
    return near.fill_diagonal_(False)
