"""Gradients of a contrastive loss over a batch that is encoded in parts, here and in other processes."""

from collections.abc import Iterator
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
    factor: float = 1.0,
) -> torch.Tensor:
    """Add the gradients of the loss over all processes' batches to the model's, and return that loss.

    Every pair is every other's negative, however the batch is divided. The outputs of all parts are gathered as
    constants, each process takes the gradient of the whole loss at its own outputs, and carries it back through its
    encoders; gradients are then summed over processes. Parts are encoded twice where there are several, first without
    a graph, so that memory holds one part's (GradCache, Gao et al., arXiv 2101.06983).

    Args:
        method: whose loss it is.
        model: in training mode; the batch's device.
        batch: of this process; the same size in all.
        processes: all that take part.
        micro_batch: pairs encoded at once; 0: all of the process's.
        precision: of the encoders' arithmetic; outputs and loss are float32.
        factor: of the gradients, for the small numbers of float16.
    """
    parts = split(batch, micro_batch or len(batch))
    alone = len(parts) == 1
    states = []
    outputs = []
    with nullcontext() if alone else _rehearsal(model):
        for part in parts:
            states.append(_random_state(batch.camera.device))
            outputs.append(encode(model, part, precision))
    camera, lidar = (processes.gather(torch.cat(o)).requires_grad_() for o in zip(*outputs, strict=True))
    whole = replace(
        batch,
        mask=processes.gather(batch.mask),
        place=processes.gather(batch.place),
        drive=processes.gather(batch.drive),
    )
    loss = method.loss(model, camera, lidar, whole)
    (loss * factor).backward()
    at_outputs = [o.grad[processes.part(len(o.grad))].split([len(p) for p in parts]) for o in (camera, lidar)]
    for i, part in enumerate(parts):
        if not alone:
            with _restored(states[i], batch.camera.device):
                outputs[i] = encode(model, part, precision)
        torch.autograd.backward(outputs[i], [gradients[i] for gradients in at_outputs])
        outputs[i] = outputs[i][0].detach(), outputs[i][1].detach()
    processes.sum_gradients(p for name in ("camera", "lidar") for p in model[name].parameters())
    processes.sum_gradients(model["loss"].parameters(), average=True)  # each process took the whole loss
    return loss.detach()


def encode(
    model: nn.ModuleDict, batch: Batch, precision: torch.dtype = torch.float32
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return both encoders' float32 outputs; LiDAR cells beyond the camera's left and right edge are cut off."""
    with torch.autocast(batch.camera.device.type, precision, enabled=precision != torch.float32):
        camera, lidar = model["camera"](batch.camera), model["lidar"](batch.lidar)
    beyond = (lidar.shape[-1] - camera.shape[-1]) // 2
    return camera.float(), lidar[..., beyond : beyond + camera.shape[-1]].float()


def split(batch: Batch, size: int) -> list[Batch]:
    """Return the batch in parts of at most ``size`` pairs."""
    fields = batch.camera, batch.lidar, batch.mask, batch.place, batch.drive
    return [Batch(*tensors) for tensors in zip(*(field.split(size) for field in fields), strict=True)]


@contextmanager
def _rehearsal(model: nn.Module) -> Iterator[None]:
    """Encode without a graph and without a trace in the running moments of batch normalisations."""
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
def _restored(state: tuple[torch.Tensor, torch.Tensor | None], device: torch.device) -> Iterator[None]:
    """Draw the random numbers, of dropout for instance, that were drawn from ``state`` on."""
    here, there = state
    with torch.random.fork_rng([device] if there is not None else []):
        torch.set_rng_state(here)
        if there is not None:
            torch.cuda.set_rng_state(there, device)
        yield
