# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A batch in one block of memory, which goes to another process and to a GPU in one copy."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from liploc_ros.learning.distributed import CPU
from liploc_ros.learning.method import Batch

ALIGNMENT = 16  # bytes
CHANNELS_LAST = (0, 2, 3, 1)  # order of the stored dimensions of an image


class _Field(NamedTuple):
    """Where a tensor is in the block; images are stored in channels-last order."""

    start: int
    end: int
    dtype: torch.dtype
    shape: tuple[int, ...]
    is_image: bool


@dataclass(frozen=True)
class PackedBatch:
    """All tensors of a batch as one (N,) uint8 tensor, with images in channels-last order (faster for convolutions)."""

    block: torch.Tensor
    fields: tuple[_Field, ...]

    @classmethod
    def of(cls, batch: Batch) -> "PackedBatch":
        """Copy a batch into one block."""
        fields, end = [], 0
        for tensor in batch.tensors():
            is_image = tensor.ndim == 4
            shape = tuple(tensor.shape[i] for i in CHANNELS_LAST) if is_image else tuple(tensor.shape)
            fields.append(_Field(end, end + tensor.nbytes, tensor.dtype, shape, is_image))
            end += -(-tensor.nbytes // ALIGNMENT) * ALIGNMENT
        packed = cls(torch.zeros(end, dtype=torch.uint8), tuple(fields))
        for part, tensor in zip(packed.on(CPU).tensors(), batch.tensors(), strict=True):
            np.copyto(part.numpy(), tensor.numpy())  # torch would use several threads, which is slower
        return packed

    def pin_memory(self) -> "PackedBatch":
        """Return the batch in pinned memory; torch's data loader calls this."""
        return PackedBatch(self.block.pin_memory(), self.fields)

    def on(self, device: torch.device) -> Batch:
        """Return the batch on a device. From pinned memory, a GPU copies it while this process goes on."""
        block = self.block.to(device, non_blocking=True)
        tensors = (block[f.start : f.end].view(f.dtype).view(f.shape) for f in self.fields)
        return Batch(*(t.permute(0, 3, 1, 2) if f.is_image else t for t, f in zip(tensors, self.fields, strict=True)))
