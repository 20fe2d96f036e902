"""Train any method's encoders together."""

import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic

import torch
from torch import nn
from tqdm import tqdm

from liploc_ros.errors import LiplocError
from liploc_ros.learning.batches import batches, to_device
from liploc_ros.learning.checkpoint import CHECKPOINT_FILE, save_checkpoint
from liploc_ros.learning.distributed import Processes, join_batch_norms
from liploc_ros.learning.ema import AveragedWeights
from liploc_ros.learning.gradients import add_gradients
from liploc_ros.learning.method import Batch, Method, S
from liploc_ros.learning.recipe import BaseRecipe, RecipeError
from liploc_ros.learning.signals import Interruption
from liploc_ros.learning.tensorboard_log import Board
from liploc_ros.learning.validation import recall_at_1

LOG = logging.getLogger(__name__)
BOARD_EVERY = 10  # steps
WATCHING = {"checkpoint_every", "validate_every"}  # keys of a recipe that change no weight
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class TrainingError(LiplocError):
    """A training that cannot begin or go on."""


class Trainer(Generic[S]):
    """A model on its way: weights, their average, the optimiser's moments, and the number of steps taken.

    A step depends on these, the recipe and the samples alone (its random numbers come from seed, step and process),
    so that a run that was stopped and resumed ends in the weights of one that was not.
    """

    def __init__(
        self, method: Method[S], recipe: BaseRecipe, weights: Path | None, processes: Processes | None = None
    ) -> None:
        """Make the model.

        Args:
            method: what is learned.
            recipe: how.
            weights: of the trunk; see :meth:`~liploc_ros.learning.method.Method.model`.
            processes: all that take part; this one alone when left out.

        Raises:
            RecipeError: a batch that cannot be divided, or a precision that the device lacks.
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
        self.processes.take_from_first(self.model)
        if self.processes.size > 1:
            join_batch_norms(self.model)
        self.optimizer = torch.optim.AdamW(method.parameter_groups(self.model))
        self.rates = [float(group["lr"]) for group in self.optimizer.param_groups]
        self.scaler = torch.amp.GradScaler(device.type, enabled=recipe.precision == "float16")
        self.average = AveragedWeights(self.model, recipe.ema) if recipe.ema else None
        self.step = 0

    def fit(
        self,
        samples: Sequence[S],
        folder: Path | None = None,
        facts: dict[str, Any] | None = None,
        held_out: Sequence[S] = (),
    ) -> nn.ModuleDict:
        """Take the recipe's remaining steps and return the trained model, in evaluation mode, on the CPU.

        Args:
            samples: to learn from.
            folder: for checkpoints and curves; None: none are written.
            facts: about the run, of numbers and text, kept in the checkpoint.
            held_out: samples on which recall is looked at every ``validate_every`` steps.

        Raises:
            TrainingError: memory did not suffice, the loss is no number, or the run was interrupted (after a
                checkpoint).
        """
        first = self.processes.is_first
        board_folder = folder if first else None
        todo = batches(self.method, samples, self.recipe, self.step, self.processes)
        bar = tqdm(todo, "training", self.recipe.steps, initial=self.step, disable=not first, mininterval=5)
        with Board(board_folder, self.step) as board, Interruption(self.processes) as interruption, bar:
            for batch in bar:
                with _memory_explained(self.recipe):
                    loss = self.learn(batch)
                if self.step % BOARD_EVERY == 0 or self.step == 1:
                    value = _finite(loss, self.step)
                    bar.set_postfix(loss=f"{value:.3f}", refresh=False)
                    board.write(self.step, loss=value, **self._state_of_learning())
                if held_out and self.recipe.validate_every and self.step % self.recipe.validate_every == 0:
                    board.write(self.step, held_out_recall_at_1=self._look_at(held_out))
                done = self.step == self.recipe.steps
                if done or interruption.asked or self.step % self.recipe.checkpoint_every == 0:
                    self._save(folder, facts or {})
                if interruption.asked and not done:
                    advice = "the same command with --resume goes on" if folder else "nothing was kept"
                    raise TrainingError(f"stopped after step {self.step} of {self.recipe.steps}: {advice}")
        if self.average is not None:
            self.average.put_into(self.model)
        return self.model.eval().cpu()

    def learn(self, batch: Batch) -> torch.Tensor:
        """Take one step and return its loss."""
        torch.manual_seed((self.recipe.seed * 1_000_003 + self.step) * 1009 + self.processes.rank)
        self.model.train()
        factor = share_of_rate(self.step, self.recipe)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        self.optimizer.zero_grad()
        loss = add_gradients(
            self.method,
            self.model,
            to_device(batch, self.processes.device),
            self.processes,
            self.recipe.micro_batch,
            PRECISIONS[self.recipe.precision],
            float(self.scaler.scale(torch.ones((), device=self.processes.device))),
        )
        self.scaler.unscale_(self.optimizer)
        if self.recipe.clip:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.step += 1
        if self.average is not None:
            self.average.update(self.model)
        return loss

    def state(self) -> dict[str, Any]:
        """Return what :meth:`load` takes up again."""
        return {
            "recipe": self.recipe.model_dump(mode="json"),
            "step": self.step,
            "model": self.model.state_dict(),
            "average": None if self.average is None else self.average.state(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state.

        Raises:
            TrainingError: it belongs to another recipe.
        """
        ours, theirs = self.recipe.model_dump(mode="json"), state["recipe"]
        other = sorted(key for key in {*ours, *theirs} - WATCHING if ours.get(key) != theirs.get(key))
        if other:
            differences = ", ".join(f"{key} {theirs.get(key)} there, {ours.get(key)} here" for key in other)
            raise TrainingError(
                f"the checkpoint is of another recipe ({differences}): take back the change or start anew"
            )
        self.step = int(state["step"])
        self.model.load_state_dict(state["model"])
        if self.average is not None:
            self.average.load(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])

    def _save(self, folder: Path | None, facts: dict[str, Any]) -> None:
        if folder is not None and self.processes.is_first:
            save_checkpoint(folder / CHECKPOINT_FILE, {**self.state(), "facts": facts})

    def _state_of_learning(self) -> dict[str, float]:
        rates = {f"rate__{i}": float(group["lr"]) for i, group in enumerate(self.optimizer.param_groups)}
        learned = self.model["loss"].named_parameters()
        return rates | {f"loss__{name}": p.item() for name, p in learned if p.numel() == 1}

    def _look_at(self, held_out: Sequence[S]) -> float:
        kept = None
        if self.average is not None:
            kept = {k: v.clone() for k, v in self.model.state_dict().items()}
            self.average.put_into(self.model)
        recall: float = recall_at_1(self.method, self.model.eval(), held_out, self.processes.device)
        if kept is not None:
            self.model.load_state_dict(kept)
        if self.processes.is_first:
            tqdm.write(f"step {self.step}: recall@1 within 2 m of views at the held-out frames {recall:.1%}")
        return recall


def share_of_rate(step: int, recipe: BaseRecipe) -> float:
    """Return the share of the highest learning rate at a step: a straight rise, then half a cosine down to 0."""
    rise = recipe.warm_up * recipe.steps
    if step < rise:
        return (step + 1) / (rise + 1)
    return 0.5 + 0.5 * math.cos(math.pi * (step - rise) / (recipe.steps - rise))


def _model(method: Method[Any], weights: Path | None) -> nn.ModuleDict:
    try:
        return method.model(weights)
    except LiplocError:
        raise
    except Exception as error:  # those of safetensors, timm and the hub share no base class
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        source = "the trunk's weights, to be downloaded" if weights is None else weights
        raise TrainingError(f"{source}: {reason}: give another --trunk (a safetensors file)") from error


def _finite(loss: torch.Tensor, step: int) -> float:
    value = loss.item()
    if not math.isfinite(value):
        raise TrainingError(f"the loss is {value} at step {step}: lower the learning rates or set clip")
    return float(value)


@contextmanager
def _memory_explained(recipe: BaseRecipe) -> Iterator[None]:
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch.OutOfMemoryError is a RuntimeError
        text = str(error)
        known = ("not enough memory", "can't allocate memory", "Cannot allocate memory")
        if not isinstance(error, (MemoryError, torch.OutOfMemoryError)) and not any(k in text for k in known):
            raise
        once = recipe.micro_batch or recipe.batch
        raise TrainingError(
            f"out of memory with {once} pairs encoded at once: --set micro_batch={max(1, once // 2)} needs half of it "
            "and keeps the batch's negatives"
        ) from error
