# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Gradients of a contrastive loss over a batch that is encoded in parts and in several processes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from liploc_ros.learning.distributed import Processes
from liploc_ros.learning.method import Batch, Method


def add_gradients(
    method: Method[Any],
    model: nn.ModuleDict,
    batch: Batch,
    processes: Processes,
    micro_batch: int = 0,
    precision: torch.dtype = torch.float32,
    scale: Callable[[torch.Tensor], torch.Tensor] = lambda loss: loss,
) -> torch.Tensor:
    """Add the gradients of the loss over the batches of all processes to the model's gradients; return the loss.

    All pairs are negatives of each other, however the batch is divided. First, the encoder outputs of all parts are
    gathered without gradients. Each process then computes the gradient of the whole loss at its own outputs, and
    propagates it through its encoders. Last, the gradients are summed over the processes. If a batch has several parts,
    each part is encoded twice, the first time without a graph, so that memory holds the graph of one part only
    (GradCache: Gao et al., arXiv 2101.06983).

    Args:
        method: defines the loss.
        model: in training mode, on the device of the batch.
        batch: of this process; it has the same size in all processes.
        processes: all processes that take part.
        micro_batch: pairs encoded at once; 0: all pairs of the process.
        precision: of the encoders' arithmetic; outputs and loss are float32.
        scale: multiplies the loss whose gradients are computed (for float16).
    """
    parts = split(batch, micro_batch or len(batch))
    single_part = len(parts) == 1
    states = []
    outputs = []
    with nullcontext() if single_part else _first_pass(model):
        for part in parts:
            if not single_part:
                states.append(_random_state(batch.camera.device))
            outputs.append(encode(model, part, precision))
    camera, lidar = (processes.gather(torch.cat(o)).requires_grad_() for o in zip(*outputs, strict=True))
    whole = replace(
        batch,
        mask=processes.gather(batch.mask),
        position=processes.gather(batch.position),
        drive=processes.gather(batch.drive),
    )
    loss = method.loss(model, camera, lidar, whole)
    scale(loss).backward()
    own_gradients = [o.grad[processes.own_slice(len(o.grad))].split([len(p) for p in parts]) for o in (camera, lidar)]
    for i, part in enumerate(parts):
        if not single_part:
            with _random_state_restored(states[i], batch.camera.device):
                outputs[i] = encode(model, part, precision)
        torch.autograd.backward(outputs[i], [gradients[i] for gradients in own_gradients])
        outputs[i] = outputs[i][0].detach(), outputs[i][1].detach()
    processes.sum_gradients(p for name in ("camera", "lidar") for p in model[name].parameters())
    processes.sum_gradients(model["loss"].parameters(), average=True)  # each process computed the whole loss
    return loss.detach()


def encode(
    model: nn.ModuleDict, batch: Batch, precision: torch.dtype = torch.float32
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the float32 outputs of both encoders, the LiDAR's cropped to the columns of the camera's."""
    with torch.autocast(batch.camera.device.type, precision, enabled=precision != torch.float32):
        camera, lidar = model["camera"](batch.camera), model["lidar"](batch.lidar)
    margin = (lidar.shape[-1] - camera.shape[-1]) // 2
    return camera.float(), lidar[..., margin : margin + camera.shape[-1]].float()


def split(batch: Batch, size: int) -> list[Batch]:
    """Return the batch in parts of at most ``size`` pairs."""
    return [Batch(*parts) for parts in zip(*(tensor.split(size) for tensor in batch.tensors()), strict=True)]


@contextmanager
def _first_pass(model: nn.Module) -> Iterator[None]:
    """Encode without a graph, and without updating the running statistics of batch normalizations."""
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    try:
        for norm in norms:
            norm.momentum = 0.0
        with torch.no_grad():
            yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


def _random_state(device: torch.device) -> tuple[torch.Tensor, torch.Tensor | None]:
    return torch.get_rng_state(), torch.cuda.get_rng_state(device) if device.type == "cuda" else None


@contextmanager
def _random_state_restored(state: tuple[torch.Tensor, torch.Tensor | None], device: torch.device) -> Iterator[None]:
    """Repeat the random numbers (of dropout, for instance) that were drawn from ``state`` on."""
    cpu_state, gpu_state = state
    with torch.random.fork_rng([device] if gpu_state is not None else []):
        torch.set_rng_state(cpu_state)
        if gpu_state is not None:
            torch.cuda.set_rng_state(gpu_state, device)
        yield
