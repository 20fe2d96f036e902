"""What a method of training brings: samples, batches, networks, loss. The trainer knows no more of it."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from torch import nn

from liploc_ros.datasets.drive import Drive
from liploc_ros.geometry import Pose

RANDOM = Path("random")  # weights that are not loaded at all: a checkpoint's will replace them, or a test needs none


@dataclass(frozen=True)
class Batch:
    """Pairs of what a camera and a LiDAR see of one place.

    Attributes:
        camera: (B, ...) input of the camera encoder.
        lidar: (B, ...) input of the LiDAR encoder.
        mask: (B, h, w) float, 1 where both see something; (B, 1, 1) ones for embeddings of whole images.
        place: (B, 3) float64, metres, in the drive's map.
        drive: (B,) int64, the same number for the same map.
    """

    camera: torch.Tensor
    lidar: torch.Tensor
    mask: torch.Tensor
    place: torch.Tensor
    drive: torch.Tensor

    def __len__(self) -> int:
        return len(self.place)


class Sample(Protocol):
    """One place of a drive, in the form that its method draws."""

    @property
    def drive(self) -> str:
        """Name of the drive."""

    @property
    def T_map_base(self) -> Pose:  # noqa: N802
        """Where the vehicle was."""


class InputSize(NamedTuple):
    """Rows and columns of an encoder's input (B, 3, height, width), and whether it takes other widths, too."""

    height: int
    width: int
    free_width: bool


S = TypeVar("S", bound=Sample)


class Method(Protocol[S]):
    """A recipe at work. Encoders are plain modules: (B, 3, H, W) to (B, D, h, w), unit vectors over D as a rule."""

    def model(self, weights: Path | None) -> nn.ModuleDict:
        """Return the modules ``camera``, ``lidar`` and ``loss``; the last holds what the loss learns, if anything.

        Args:
            weights: safetensors file of the trunk, None for timm's own download, or ``RANDOM``.
        """

    def parameter_groups(self, model: nn.ModuleDict) -> list[dict[str, Any]]:
        """Return AdamW's groups: ``params``, ``lr`` (the highest of the schedule), ``weight_decay``."""

    def samples(self, drive: Drive) -> list[S]:
        """Draw a drive's samples, one a frame that has an image, a scan and a pose.

        Raises:
            DatasetError: no frame has them.
        """

    def batch(self, samples: Sequence[S], rng: np.random.Generator | None) -> Batch:
        """Return the samples as a batch: augmented by ``rng``, or as they are where it is None."""

    def loss(self, model: nn.ModuleDict, camera: torch.Tensor, lidar: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Return the loss of the encoders' outputs (B, D, h, w) of the whole batch, gathered over processes.

        ``lidar`` is cut to the camera's h x w, where it was encoded with more columns on both sides. Of ``batch`` only
        mask, place and drive are whole: camera and LiDAR inputs may be those of one process.
        """

    def input_sizes(self) -> dict[str, InputSize]:
        """Return the inputs' sizes that the exported ``camera`` and ``lidar`` encoders take."""

    def spec(self) -> dict[str, Any]:
        """Return the fields of :class:`~liploc_ros.encoders.ModelSpec` that depend on the method: grid, licence, ..."""

    def trunk(self) -> str:
        """Return what the encoders start from: a timm name."""


def whereabouts(samples: Sequence[Sample]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ``place`` and ``drive`` of a batch; a drive's number is the same in every process and run."""
    places = np.stack([sample.T_map_base[:3, 3] for sample in samples])
    drives = np.array([zlib.crc32(sample.drive.encode()) for sample in samples], dtype=np.int64)
    return torch.from_numpy(places), torch.from_numpy(drives)


def near_pairs(batch: Batch, limit: float) -> torch.Tensor:
    """Return (B, B) bool: pairs of one map closer than ``limit`` metres, without the diagonal."""
    near = torch.cdist(batch.place, batch.place, compute_mode="donot_use_mm_for_euclid_dist") < limit
    near &= batch.drive[:, None] == batch.drive[None]
    return near.fill_diagonal_(False)
