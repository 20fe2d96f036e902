# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The gradients of a step, recorded as a CUDA graph and replayed."""

import logging
import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from torch import nn

from liploc_ros.learning.method import Batch

LOG = logging.getLogger(__name__)
WARM_UP = 5  # steps before the recording, in which CUDA's libraries choose and load their kernels
MAX_DIFFERENCE = 0.02  # of the recorded gradients, relative to their norm; bfloat16 sums vary with their order

Replay = Callable[[], None]
"""Repeats recorded kernels: they read and write the same tensors again."""
Record = Callable[[Callable[[], torch.Tensor]], tuple[Replay, torch.Tensor]]
"""Records the kernels that a function launches, without running them; returns their replay and the result."""


def record_cuda_graph(compute: Callable[[], torch.Tensor]) -> tuple[Replay, torch.Tensor]:
    """Record a CUDA graph; see ``Record``."""
    graph = torch.cuda.CUDAGraph()
    # Other threads, such as the one that copies batches to pinned memory, may use CUDA in the meantime.
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        result = compute()
    return graph.replay, result


class RecordedGradients:
    """Computes the gradients of a model for one batch after another; all batches have the same size.

    A step of small networks consists of about a thousand kernels that each run for some microseconds. Launching them
    one by one from Python takes longer. On a GPU, they are therefore recorded once and then launched together
    (https://pytorch.org/docs/stable/notes/cuda.html#whole-network-capture).

    The first replay is compared with the same step without recording. If they differ, or if the step cannot be
    recorded, a warning is logged, and the rest of the run launches the kernels one by one.
    """

    def __init__(self, compute: Callable[[Batch], torch.Tensor], model: nn.Module, record: Record | None) -> None:
        """Prepare the computation.

        Args:
            compute: adds the gradients of a batch to those of the parameters and returns the loss. Each call launches
                the same kernels.
            model: has the parameters, and the buffers that ``compute`` updates.
            record: records kernels; None: they are always launched one by one, as on a CPU.
        """
        self._compute, self._model, self._record = compute, model, record
        self._steps = 0
        self._recording: _Recording | None = None

    def __call__(self, batch: Batch) -> torch.Tensor:
        """Set the gradients of all parameters, and return the loss; the next call may overwrite both."""
        self._steps += 1
        if self._recording is not None:
            return self._recording.repeat(batch)
        if self._record is None:
            return self._launch(batch)
        if self._steps <= WARM_UP:
            return self._launch_on_other_stream(batch)
        record, self._record = self._record, None
        return self._try_recording(record, batch)

    def _launch(self, batch: Batch) -> torch.Tensor:
        self._model.zero_grad(set_to_none=True)
        return self._compute(batch)

    def _launch_on_other_stream(self, batch: Batch) -> torch.Tensor:
        """Launch the kernels on another stream than the default one, as they will be recorded."""
        if batch.camera.device.type != "cuda":
            return self._launch(batch)
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            loss = self._launch(batch)
        torch.cuda.current_stream().wait_stream(stream)
        return loss

    def _try_recording(self, record: Record, batch: Batch) -> torch.Tensor:
        """Do a step without recording, then record it and replay it from the same state; keep the replay if equal."""
        before = _State.of(self._model)
        loss = self._launch_on_other_stream(batch)
        expected = _State.of(self._model)
        before.restore()
        self._model.zero_grad(set_to_none=True)  # a recording allocates its own gradients
        try:
            recording = _Recording.of(record, self._compute, batch)
            recording.repeat(batch)
            difference = _State.of(self._model).difference(expected)
            problem = "" if difference <= MAX_DIFFERENCE else f"the recorded step differs by {difference:.1%}"
        except RuntimeError as error:
            problem = str(error).partition("\n")[0]
        if problem:
            LOG.warning("training launches the kernels of a step one by one, which is slower: %s", problem)
            expected.restore()
            return loss
        self._recording = recording
        return recording.loss


class _Recording(NamedTuple):
    """A replay with the batch that it reads and the loss that it writes."""

    batch: Batch
    replay: Replay
    loss: torch.Tensor

    @classmethod
    def of(cls, record: Record, compute: Callable[[Batch], torch.Tensor], batch: Batch) -> "_Recording":
        """Record the computation, with a batch like the given one. The parameters must have no gradients."""
        own = Batch(*(tensor.clone() for tensor in batch.tensors()))
        return cls(own, *record(lambda: compute(own)))

    def repeat(self, batch: Batch) -> torch.Tensor:
        """Compute the gradients of another batch, and return the loss."""
        for own, tensor in zip(self.batch.tensors(), batch.tensors(), strict=True):
            own.copy_(tensor)
        self.replay()
        return self.loss


class _State(NamedTuple):
    """The buffers and gradients of a model at one time. Only the buffers are copies."""

    model: nn.Module
    buffers: Sequence[torch.Tensor]
    gradients: Sequence[torch.Tensor | None]

    @classmethod
    def of(cls, model: nn.Module) -> "_State":
        return cls(model, [b.clone() for b in model.buffers()], [p.grad for p in model.parameters()])

    def restore(self) -> None:
        """Set the buffers and gradients of the model to those of this state."""
        for buffer, value in zip(self.model.buffers(), self.buffers, strict=True):
            buffer.copy_(value)
        for parameter, gradient in zip(self.model.parameters(), self.gradients, strict=True):
            parameter.grad = gradient

    def difference(self, expected: "_State") -> float:
        """Return the relative distance of the gradients from the expected ones, plus that of the buffers."""
        if [g is None for g in self.gradients] != [g is None for g in expected.gradients]:
            return math.inf
        gradients = _relative_distance(self.gradients, expected.gradients)
        return gradients + _relative_distance(self.buffers, expected.buffers)


def _relative_distance(values: Iterable[torch.Tensor | None], expected: Iterable[torch.Tensor | None]) -> float:
    a, b = (
        torch.cat([t.flatten().double() for t in tensors if t is not None] or [torch.zeros(1)])
        for tensors in (values, expected)
    )
    return float((a - b).norm() / b.norm().clamp(min=1e-30))
