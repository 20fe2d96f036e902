# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Training of the camera and LiDAR encoders of any method."""

import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Generic

import torch
from timm.utils import ModelEmaV3
from torch import nn
from tqdm import tqdm

from liploc_ros.errors import LiplocError
from liploc_ros.learning.checkpoint import CHECKPOINT_FILE, save_checkpoint
from liploc_ros.learning.data.batches import batches
from liploc_ros.learning.data.workers import WorkerError
from liploc_ros.learning.distributed import Processes, convert_batch_norms
from liploc_ros.learning.gradients import add_gradients
from liploc_ros.learning.method import Batch, Method, S
from liploc_ros.learning.recipe import BaseRecipe, RecipeError
from liploc_ros.learning.recorded_gradients import RecordedGradients, record_cuda_graph
from liploc_ros.learning.signals import StopRequest
from liploc_ros.learning.tensorboard_log import TensorBoardLog
from liploc_ros.learning.validation import MAX_DISTANCE, recall_at_1

LOG = logging.getLogger(__name__)
LOG_EVERY = 10  # steps
MONITORING_KEYS = {
    "checkpoint_every",
    "validate_every",
    "cuda_graph",
}  # keys of a recipe that do not change the weights
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class TrainingError(LiplocError):
    """A training run that cannot start or continue."""


class TrainingStoppedError(TrainingError):
    """A run that was stopped by Ctrl-C or SIGTERM."""


class Trainer(Generic[S]):
    """A model in training: weights, averaged weights, state of the optimizer, and the number of steps done.

    A step depends only on these, the recipe and the samples; its random numbers depend on seed, step and process. A run
    that was stopped and resumed therefore ends with the same weights as one that was not.
    """

    def __init__(
        self, method: Method[S], recipe: BaseRecipe, weights: Path | None, processes: Processes | None = None
    ) -> None:
        """Create the model.

        Args:
            method: what is trained.
            recipe: its settings.
            weights: of the trunk; see :meth:`~liploc_ros.learning.method.Method.model`.
            processes: all processes that take part; by default only this one.

        Raises:
            RecipeError: the batch cannot be divided, or the device does not support the precision.
            TrainingError: the weights cannot be loaded.
        """
        self.method, self.recipe, self.processes = method, recipe, processes or Processes()
        device = self.processes.device
        each = recipe.batch // self.processes.size
        if recipe.batch % self.processes.size or (recipe.micro_batch and each % recipe.micro_batch):
            raise RecipeError(
                f"a batch of {recipe.batch} in micro-batches of {recipe.micro_batch or 'any size'} cannot be divided "
                f"among {self.processes.size} processes: change batch or micro_batch"
            )
        if recipe.precision == "float16" and device.type == "cpu":
            raise RecipeError("precision float16 needs a GPU: use bfloat16 or float32")
        torch.manual_seed(recipe.seed)
        self.model = _model(method, weights).to(device, memory_format=torch.channels_last)
        self.processes.broadcast(self.model)
        if self.processes.size > 1:
            convert_batch_norms(self.model)
        fused = True if device.type == "cuda" else None  # all parameters in a few kernels
        self.optimizer = torch.optim.AdamW(method.parameter_groups(self.model), fused=fused)
        self.rates = [float(group["lr"]) for group in self.optimizer.param_groups]
        self.scaler = torch.amp.GradScaler(device.type, enabled=recipe.precision == "float16")
        self.ema = averaged_model(self.model, recipe.ema) if recipe.ema else None
        self.step = 0
        self._gradients = RecordedGradients(
            self._add_gradients, self.model, record_cuda_graph if self._is_recordable() else None
        )

    def fit(
        self,
        samples: Sequence[S],
        folder: Path | None = None,
        facts: dict[str, Any] | None = None,
        held_out: Sequence[S] = (),
        workers: int = 0,
    ) -> nn.ModuleDict:
        """Do the remaining steps of the recipe and return the trained model, in evaluation mode, on the CPU.

        Args:
            samples: to train on.
            folder: for checkpoints and TensorBoard; None: nothing is written.
            facts: numbers and text about the run that are stored in the checkpoint.
            held_out: samples for the validation every ``validate_every`` steps.
            workers: number of processes that draw the batches ahead; 0: they are drawn in this process, between steps.

        Raises:
            TrainingError: out of memory, the loss is not finite, or the run was stopped (after a checkpoint).
            WorkerError: a worker process died, or could not draw a batch.
            FileError: a checkpoint cannot be written.
        """
        first = self.processes.is_first
        drawn = batches(self.method, samples, self.recipe, self.step, self.processes, workers)
        description = f"training (workers: {workers})"
        progress = tqdm(drawn, description, self.recipe.steps, initial=self.step, disable=not first, mininterval=5)
        curves = TensorBoardLog(folder if first else None, self.step)
        with curves, StopRequest(self.processes) as stop, closing(drawn), progress:
            try:
                for batch in progress:
                    with _memory_advice(self.recipe):
                        loss = self.train_step(batch)
                    if self.step % LOG_EVERY == 0 or self.step == 1:
                        value = _finite(loss, self.step)
                        progress.set_postfix(loss=f"{value:.3f}", refresh=False)
                        curves.write(self.step, loss=value, **self._learning_state())
                    if held_out and self.recipe.validate_every and self.step % self.recipe.validate_every == 0:
                        curves.write(self.step, held_out_recall_at_1=self._validate(held_out))
                    done = self.step == self.recipe.steps
                    if done or stop.received or self.step % self.recipe.checkpoint_every == 0:
                        self._save(folder, facts or {})
                    if stop.received and not done:
                        raise self._stopped(folder)
            except WorkerError:
                if not stop.received:
                    raise
                self._save(folder, facts or {})  # the signal also ended the workers
                raise self._stopped(folder) from None
        return self._evaluated_model().eval().cpu()

    def train_step(self, batch: Batch) -> torch.Tensor:
        """Do one step with a batch on the device; return its loss, which the next step may overwrite."""
        torch.manual_seed((self.recipe.seed * 1_000_003 + self.step) * 1009 + self.processes.rank)
        if not self.model.training:
            self.model.train()
        factor = learning_rate_factor(self.step, self.recipe)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        loss = self._gradients(batch)
        self.scaler.unscale_(self.optimizer)
        if self.recipe.clip:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.step += 1
        if self.ema is not None:
            self.ema.update(self.model, self.step)
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Return the state from which :meth:`load_state_dict` continues."""
        return {
            "recipe": self.recipe.model_dump(mode="json"),
            "step": self.step,
            "model": self.model.state_dict(),
            "ema": None if self.ema is None else self.ema.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state.

        Raises:
            TrainingError: it belongs to another recipe.
        """
        ours, theirs = self.recipe.model_dump(mode="json"), state["recipe"]
        changed = sorted(key for key in {*ours, *theirs} - MONITORING_KEYS if ours.get(key) != theirs.get(key))
        if changed:
            differences = ", ".join(f"{key} is {theirs.get(key)} there, {ours.get(key)} here" for key in changed)
            raise TrainingError(f"the checkpoint has another recipe ({differences}): use its values, or omit --resume")
        self.step = int(state["step"])
        self.model.load_state_dict(state["model"])
        if self.ema is not None:
            self.ema.module.load_state_dict(state["ema"])
        fused = {"fused": self.optimizer.param_groups[0]["fused"]}  # depends on the device, not on the checkpoint
        groups = [group | fused for group in state["optimizer"]["param_groups"]]
        self.optimizer.load_state_dict(state["optimizer"] | {"param_groups": groups})
        self.scaler.load_state_dict(state["scaler"])

    def _add_gradients(self, batch: Batch) -> torch.Tensor:
        """Add the gradients of a batch on the device to those of the model, and return its loss."""
        precision = PRECISIONS[self.recipe.precision]
        return add_gradients(
            self.method, self.model, batch, self.processes, self.recipe.micro_batch, precision, self.scaler.scale
        )

    def _is_recordable(self) -> bool:
        """Return whether a step always launches the same kernels on a GPU, without communication between processes."""
        recipe, processes = self.recipe, self.processes
        is_whole = recipe.micro_batch in (0, recipe.batch)
        is_alone = processes.size == 1 and processes.device.type == "cuda"
        return recipe.cuda_graph and is_whole and is_alone and not self.scaler.is_enabled()

    def _stopped(self, folder: Path | None) -> TrainingStoppedError:
        advice = "run the same command with --resume to continue" if folder else "nothing was saved"
        return TrainingStoppedError(f"stopped after step {self.step} of {self.recipe.steps}: {advice}")

    def _evaluated_model(self) -> nn.ModuleDict:
        """Return the averaged model, or the trained one if the recipe has no averaging."""
        model: nn.ModuleDict = self.model if self.ema is None else self.ema.module
        return model

    def _save(self, folder: Path | None, facts: dict[str, Any]) -> None:
        if folder is not None and self.processes.is_first:
            save_checkpoint(folder / CHECKPOINT_FILE, {**self.state_dict(), "facts": facts})

    def _learning_state(self) -> dict[str, float]:
        """Return the learning rates and the learned scalars of the loss, as named curves."""
        rates = {f"rate__{i}": float(group["lr"]) for i, group in enumerate(self.optimizer.param_groups)}
        learned = self.model["loss"].named_parameters()
        return rates | {f"loss__{name}": p.item() for name, p in learned if p.numel() == 1}

    def _validate(self, held_out: Sequence[S]) -> float:
        recall: float = recall_at_1(self.method, self._evaluated_model().eval(), held_out, self.processes.device)
        if self.processes.is_first:
            tqdm.write(
                f"step {self.step}: recall@1 within {MAX_DISTANCE:g} m of the held-out frames' views {recall:.1%}"
            )
        return recall


def averaged_model(model: nn.Module, decay: float) -> ModelEmaV3:
    """Return an exponential moving average of a model whose decay at step n is min(decay, n / (9 + n)).

    Floating-point buffers, such as running statistics, are averaged too; other buffers are copied.
    """
    return ModelEmaV3(model, decay, update_after_step=-1, use_warmup=True, warmup_gamma=9.0, warmup_power=1.0)


def learning_rate_factor(step: int, recipe: BaseRecipe) -> float:
    """Return the fraction of the peak learning rate at a step: linear warm-up, then half a cosine down to 0."""
    warm_up = recipe.warm_up * recipe.steps
    if step < warm_up:
        return (step + 1) / (warm_up + 1)
    return 0.5 + 0.5 * math.cos(math.pi * (step - warm_up) / (recipe.steps - warm_up))


def _model(method: Method[Any], weights: Path | None) -> nn.ModuleDict:
    try:
        return method.model(weights)
    except LiplocError:
        raise
    except Exception as error:  # the exceptions of safetensors, timm and its hub have no common base class
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        if weights is None:
            problem = f"cannot download the pretrained weights ({reason.rstrip('.')})"
            raise TrainingError(f"{problem}: give --trunk FILE.safetensors, or --trunk random") from error
        raise TrainingError(f"{weights}: {reason}: give another --trunk (a safetensors file)") from error


def _finite(loss: torch.Tensor, step: int) -> float:
    value = loss.item()
    if not math.isfinite(value):
        raise TrainingError(f"the loss is {value} at step {step}: lower the learning rates, or set clip")
    return float(value)


@contextmanager
def _memory_advice(recipe: BaseRecipe) -> Iterator[None]:
    """Turn an out-of-memory error into a TrainingError with advice."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch.OutOfMemoryError is a RuntimeError
        text = str(error)
        known = ("not enough memory", "can't allocate memory", "Cannot allocate memory")
        if not isinstance(error, (MemoryError, torch.OutOfMemoryError)) and not any(k in text for k in known):
            raise
        at_once = recipe.micro_batch or recipe.batch
        raise TrainingError(
            f"out of memory with {at_once} pairs encoded at once: --set micro_batch={max(1, at_once // 2)} needs half "
            "of it and keeps the negatives of the batch"
        ) from error
