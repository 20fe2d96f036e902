"""Training by several processes (``torchrun``), with the results of one."""

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
    """Which of how many processes this one is, and the device that it computes on."""

    rank: int = 0
    size: int = 1
    device: torch.device = CPU

    @classmethod
    @contextmanager
    def joined(cls) -> Iterator["Processes"]:
        """Join the processes that ``torchrun`` started, by NCCL on GPUs and by gloo on CPUs; without it, be alone."""
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

    def part(self, whole: int) -> slice:
        """Return which of so many things, divided among all, are this process's."""
        each = whole // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    def gather(self, part: torch.Tensor) -> torch.Tensor:
        """Return the parts of all processes in their order, as a constant."""
        part = part.detach().contiguous()
        if self.size == 1:
            return part
        parts = [torch.empty_like(part) for _ in range(self.size)]
        dist.all_gather(parts, part)
        return torch.cat(parts)

    def sum_gradients(self, parameters: Iterable[nn.Parameter], average: bool = False) -> None:
        """Add up all processes' gradients, in one message; with ``average``, take their mean."""
        gradients = [p.grad for p in parameters if p.grad is not None]
        if self.size == 1 or not gradients:
            return
        flat = torch.cat([g.flatten() for g in gradients])
        dist.all_reduce(flat)
        for gradient, total in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(total.view_as(gradient) / (self.size if average else 1))

    def take_from_first(self, module: nn.Module) -> None:
        """Give every process the first one's weights."""
        if self.size > 1:
            for tensor in module.state_dict().values():
                dist.broadcast(tensor, 0)

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            dist.barrier()


class _Total(torch.autograd.Function):
    """The sum of a tensor over all processes; its gradient is the sum of theirs."""

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


class JoinedBatchNorm(nn.BatchNorm2d):
    """Batch normalisation by the moments of all processes' equal parts; torch's own needs GPUs.

    It has the parameters of the layer that it replaces, and the activation of timm's layers that have one.
    """

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum)
        self.weight, self.bias = norm.weight, norm.bias
        for name, buffer in norm.named_buffers(recurse=False):
            setattr(self, name, buffer)
        self.drop, self.act = getattr(norm, "drop", nn.Identity()), getattr(norm, "act", nn.Identity())
        self.train(norm.training)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise (B, C, H, W)."""
        if not self.training:
            return self.act(self.drop(super().forward(x)))
        parts = dist.get_world_size()
        values = x.float()
        mean = _total(values.mean((0, 2, 3))) / parts
        centred = values - mean[:, None, None]
        variance = _total(centred.square().mean((0, 2, 3))) / parts
        with torch.no_grad():
            count = parts * x.numel() / x.shape[1]
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (count / max(count - 1, 1)), self.momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        normalised = centred * scale[:, None, None] + self.bias[:, None, None]
        return self.act(self.drop(normalised.to(x.dtype)))


def _total(part: torch.Tensor) -> torch.Tensor:
    total: torch.Tensor = _Total.apply(part)
    return total


def join_batch_norms(module: nn.Module) -> None:
    """Replace, in place, every batch normalisation by one over all processes."""
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, JoinedBatchNorm(child))
