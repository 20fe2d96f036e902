# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Training in several processes (``torchrun``) with the same results as in one process."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Processes:
    """The rank of this process, the number of processes, and the device of this process."""

    rank: int = 0
    size: int = 1
    device: torch.device = CPU

    @classmethod
    @contextmanager
    def joined(cls) -> Iterator["Processes"]:
        """Join the process group of ``torchrun``: NCCL on GPUs, gloo on CPUs. Without torchrun, this is one process."""
        size, gpu = int(os.environ.get("WORLD_SIZE", 1)), torch.cuda.is_available()
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if gpu else CPU
        if gpu:
            torch.cuda.set_device(device)
        if size == 1:
            yield cls(device=device)
            return
        dist.init_process_group("nccl" if gpu else "gloo")
        try:
            yield cls(dist.get_rank(), size, device)
        finally:
            dist.destroy_process_group()

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes files and shows progress."""
        return self.rank == 0

    def own_slice(self, count: int) -> slice:
        """Return the indices of this process when ``count`` items are divided equally."""
        each = count // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    def gather(self, part: torch.Tensor) -> torch.Tensor:
        """Concatenate the tensors of all processes in the order of ranks, without gradients."""
        part = part.detach().contiguous()
        if self.size == 1:
            return part
        parts = [torch.empty_like(part) for _ in range(self.size)]
        dist.all_gather(parts, part)
        return torch.cat(parts)

    def sum_gradients(self, parameters: Iterable[nn.Parameter], average: bool = False) -> None:
        """Sum the gradients of all processes in one message; with ``average``, take their mean."""
        gradients = [p.grad for p in parameters if p.grad is not None]
        if self.size == 1 or not gradients:
            return
        flat = torch.cat([g.flatten() for g in gradients])
        dist.all_reduce(flat)
        for gradient, total in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(total.view_as(gradient) / (self.size if average else 1))

    def broadcast(self, module: nn.Module) -> None:
        """Copy the weights of the first process to all others."""
        if self.size > 1:
            for tensor in module.state_dict().values():
                dist.broadcast(tensor, 0)

    def wait(self) -> None:
        """Wait until all processes have reached this call."""
        if self.size > 1:
            dist.barrier()


class _AllReduceSum(torch.autograd.Function):
    """The sum of a tensor over all processes; the gradient is the sum of their gradients."""

    @staticmethod
    def forward(context: Any, part: torch.Tensor) -> torch.Tensor:
        total = part.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, gradient: torch.Tensor) -> torch.Tensor:
        total = gradient.clone()
        dist.all_reduce(total)
        return total


class SyncBatchNorm2d(nn.BatchNorm2d):
    """Batch normalization with the statistics of all processes, whose parts have equal sizes.

    torch's SyncBatchNorm works on GPUs only. This layer has the parameters of the layer that it replaces, and the
    activation of timm's layers that include one.
    """

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum)
        self.weight, self.bias = norm.weight, norm.bias
        for name, buffer in norm.named_buffers(recurse=False):
            setattr(self, name, buffer)
        self.drop, self.act = getattr(norm, "drop", nn.Identity()), getattr(norm, "act", nn.Identity())
        self.train(norm.training)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalize (B, C, H, W)."""
        if not self.training:
            return self.act(self.drop(super().forward(x)))
        parts = dist.get_world_size()
        values = x.float()
        mean = _all_reduce_sum(values.mean((0, 2, 3))) / parts
        centered = values - mean[:, None, None]
        variance = _all_reduce_sum(centered.square().mean((0, 2, 3))) / parts
        with torch.no_grad():
            count = parts * x.numel() / x.shape[1]
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (count / max(count - 1, 1)), self.momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        normalized = centered * scale[:, None, None] + self.bias[:, None, None]
        return self.act(self.drop(normalized.to(x.dtype)))


def convert_batch_norms(module: nn.Module) -> None:
    """Replace, in place, every batch normalization by one over all processes."""
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, SyncBatchNorm2d(child))


def _all_reduce_sum(part: torch.Tensor) -> torch.Tensor:
    total: torch.Tensor = _AllReduceSum.apply(part)
    return total
