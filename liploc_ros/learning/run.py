# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A complete training run: samples, training, export, and the confidence model from a held-out drive."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from liploc_ros.datasets import BagOptions, BagTopics, open_drive, open_sources
from liploc_ros.datasets.bag.topics import DataKind
from liploc_ros.datasets.drive import Drive
from liploc_ros.encoders import ModelBundle
from liploc_ros.encoders.bundle import SPEC_FILE
from liploc_ros.encoders.spec import ConfidenceModel
from liploc_ros.evaluation.provenance import dataset_of, is_in_training
from liploc_ros.files import check_replaceable, unwritable, write_file
from liploc_ros.learning.checkpoint import CHECKPOINT_FILE, load_checkpoint
from liploc_ros.learning.confidence import UNFITTED, confidence_model_at, fit_on_held_out
from liploc_ros.learning.data.dataset_checks import readable_frames
from liploc_ros.learning.data.parts import (
    drive_length,
    far_from,
    hold_out_end,
    spread_frames,
    stretch,
    with_unique_names,
)
from liploc_ros.learning.data.preparation import draw_samples
from liploc_ros.learning.distributed import Processes
from liploc_ros.learning.expectation import describe_expectation
from liploc_ros.learning.export.bundle_writer import KITTI, documents, write_bundle
from liploc_ros.learning.export.model_card import write_model_card
from liploc_ros.learning.method import RANDOM, Sample
from liploc_ros.learning.recipe import BaseRecipe
from liploc_ros.learning.registry import method_of, read_recipe, validate_recipe
from liploc_ros.learning.trainer import Trainer, TrainingError
from liploc_ros.localization.calibration.storage import write_confidence_model
from liploc_ros.mapping import MapError
from liploc_ros.mapping.fit_coding import CodingError, fit_map_coding

HELD_OUT_FILE, REPORT_FILE = "held_out.json", "held_out.md"
NEEDS: tuple[DataKind, ...] = ("points", "odometry", "images")  # of a bag
MAX_CODING_LENGTH = 500.0  # [m] of path to which the coding is fitted; more gives no better coding
# Of what is trained on, to which the images of the part that is held out must not match, and the other way round.
ELSEWHERE_LENGTH, ELSEWHERE_FRAMES, ELSEWHERE_DISTANCE = 100.0, 60, 50.0  # [m], [m] from the part
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingRun:
    """A recipe with its drives and their samples.

    Attributes:
        recipe: settings of the training.
        drives: training drives, without the frames that cannot be read.
        samples: of all drives.
        hashes: hash of each drive's data, by name.
        skipped: for each frame that cannot be read, the reason.
        workers: number of processes that draw views and batches; 0: only this one. The results do not depend on it.
        held_out: part of a drive that is not trained on; None without one.
        topics, options: for bags.
    """

    recipe: BaseRecipe
    drives: tuple[Drive, ...]
    samples: Sequence[Sample]
    hashes: Mapping[str, str]
    skipped: tuple[str, ...]
    workers: int = 0
    held_out: Drive | None = None
    topics: BagTopics | None = None
    options: BagOptions | None = None

    @classmethod
    def prepare(
        cls,
        recipe_name: str,
        drives: Sequence[Path],
        singles: Sequence[Path] = (),
        steps: int | None = None,
        changes: Mapping[str, Any] | None = None,
        workers: int = 0,
        held_out_share: float = 0.0,
        topics: BagTopics | None = None,
        options: BagOptions | None = None,
    ) -> "TrainingRun":
        """Read the drives and draw their views.

        With ``workers``, a script must call this from its ``if __name__ == "__main__":`` part, because new processes
        import the script.

        Args:
            recipe_name: name of a recipe, or a YAML file.
            drives: recordings; if the recipe sets ``sequences``, only the first ones are used.
            singles: recordings of single frames (splits of KITTI's object benchmark); always used.
            steps: overrides the steps of the recipe.
            changes: of the recipe; see :func:`~liploc_ros.learning.registry.read_recipe`.
            workers: number of processes that draw views and batches; see
                :func:`~liploc_ros.learning.data.workers.default_workers`.
            held_out_share: share of the longest drive, at its end, that is not trained on; see
                :func:`~liploc_ros.learning.data.parts.hold_out_end`.
            topics: of bags; the others are found by their types.
            options: for bags, what they do not tell themselves.

        Raises:
            TrainingError: there are fewer frames with an image, a scan and a pose than a batch needs.
            LiplocError: a recipe or drive that cannot be read.
        """
        recipe = read_recipe(recipe_name, {**(changes or {}), **({} if steps is None else {"steps": steps})})
        method = method_of(recipe)
        paths = [*drives[: recipe.sequences or None], *singles]
        sources = [drive for path in paths for drive in open_sources(path, topics, needs=NEEDS, options=options)]
        sources = with_unique_names(sources)
        held_out = None
        if held_out_share and sources:
            longest = int(np.argmax([drive_length(drive) for drive in sources]))
            sources[longest], held_out, _ = hold_out_end(sources[longest], held_out_share)
        sources = [_chosen_frames(drive, recipe) for drive in sources]
        samples, used = draw_samples(method, sources, workers)
        skipped = tuple(reason for drive in used for reason in drive.skipped)
        if len(samples) < recipe.batch:
            unreadable = f" ({len(skipped)} more cannot be read, the first: {skipped[0]})" if skipped else ""
            raise TrainingError(
                f"{len(samples)} frames with image, scan and pose{unreadable}, fewer than a batch of {recipe.batch}: "
                "add more --drive"
            )
        used = [drive for drive in used if drive.drive.frames]
        hashes = {drive.drive.name: drive.sha256 for drive in used}
        return cls(
            recipe, tuple(drive.drive for drive in used), samples, hashes, skipped, workers, held_out, topics, options
        )

    def execute(
        self,
        out: Path,
        trunk: Path | None = None,
        held_out: Path | None = None,
        confidence_model: Path | None = None,
        folder: Path | None = None,
        resume: bool = False,
    ) -> tuple[ModelBundle, str]:
        """Train, write the bundle, and set its confidence model.

        Args:
            out: folder of the bundle.
            trunk: pretrained weights; see :meth:`~liploc_ros.learning.method.Method.model`.
            held_out: drive that is not trained on; the confidence model is fitted to it. Without it, it is fitted to
                the part that was held out in :meth:`prepare`.
            confidence_model: bundle, map or .json file whose confidence model is used if no drive is held out.
            folder: for checkpoints and TensorBoard; by default ``OUT.run``.
            resume: continue from the checkpoint in the folder, if there is one.

        Returns:
            The bundle, and the result on the held-out drive as text; empty if there is no such drive.

        Raises:
            TrainingError: the held-out drive is a training drive, or training cannot continue.
            LiplocError: a drive, bundle, checkpoint or folder that cannot be used.
        """
        check_replaceable(out, SPEC_FILE)
        folder = out.with_name(f"{out.name}.run") if folder is None else folder
        held_out_drive = self.held_out if held_out is None else self._open_held_out(held_out)
        initial = confidence_model_at(confidence_model)
        with Processes.joined() as processes:
            model = self._train(trunk, held_out_drive, folder, resume, processes)
            result = ""
            if processes.is_first:
                write_bundle(method_of(self.recipe), self.recipe, model, self._facts(trunk), out, initial, "")
                self._fit_coding(out)
                if held_out_drive is not None:
                    result = self._fit_confidence_model(out, held_out_drive, folder)
            processes.wait()
        return ModelBundle.load(out), result

    def _open_held_out(self, path: Path) -> Drive:
        """Return a drive that is not trained on. Bags are told apart by their files, KITTI's drives by their names."""
        drive = readable_frames(open_drive(path, self.topics, needs=NEEDS, options=self.options))[0]
        is_same_file = drive.source.resolve() in {trained.source.resolve() for trained in self.drives}
        if is_same_file or (dataset_of(drive.name) in KITTI and is_in_training(drive.name, self.hashes)):
            raise TrainingError(f"{drive.name} is both held out and trained on: remove it from one of the two")
        return with_unique_names([*self.drives, drive])[-1]

    def _fit_coding(self, out: Path) -> None:
        """Fit the coding of maps to the training drives. If that is not possible, the bundle has none."""
        bundle = ModelBundle.load(out)
        drives = [drive for drive in self.drives if len(drive.frames) > 1]  # single frames have no path
        if sum(map(drive_length, drives)) > MAX_CODING_LENGTH:
            drives = [stretch(drive, MAX_CODING_LENGTH / len(drives)) for drive in drives]
        if bundle.spec.embeds_whole_image or not drives:
            return
        try:
            bundle.write_coding(fit_map_coding(drives, bundle))
        except (CodingError, MapError) as error:
            LOG.warning("%s: no coding of maps is fitted, and maps store features as integers: %s", out, error)

    def _train(
        self, trunk: Path | None, held_out: Drive | None, folder: Path, resume: bool, processes: Processes
    ) -> nn.ModuleDict:
        method = method_of(self.recipe)
        validation: Sequence[Sample] = ()
        if held_out and self.recipe.validate_every:
            validation = draw_samples(method, [held_out], self.workers)[0]
        checkpoint = folder / CHECKPOINT_FILE
        state = load_checkpoint(checkpoint) if resume and checkpoint.exists() else None
        trainer = Trainer(method, self.recipe, trunk if state is None else RANDOM, processes)
        facts = self._facts(trunk)
        if state is not None:
            trainer.load_state_dict(state)
            if state["facts"]["hashes"] != facts["hashes"]:
                raise TrainingError(f"{checkpoint} was trained on other data: give the same drives, or omit --resume")
        elif processes.is_first:
            _reset_folder(folder, self.recipe, facts)
        return trainer.fit(self.samples, folder, facts, validation, self.workers)

    def _fit_confidence_model(self, out: Path, held_out: Drive, folder: Path) -> str:
        elsewhere = self.drives
        if self.held_out is held_out:
            far = [far_from(drive, held_out, ELSEWHERE_DISTANCE) if drive.part else drive for drive in elsewhere]
            elsewhere = tuple(stretch(drive, ELSEWHERE_LENGTH, ELSEWHERE_FRAMES) for drive in far)
        result = fit_on_held_out(held_out, elsewhere, ModelBundle.load(out), folder)
        write_confidence_model(out, result.confidence_model)
        write_model_card(out, ModelBundle.load(out).spec, result.summary)
        content = {"confidence_model": result.confidence_model.model_dump(mode="json"), "summary": result.summary}
        write_file(folder / HELD_OUT_FILE, json.dumps(content, indent=2) + "\n")
        if result.expected:
            write_file(folder / REPORT_FILE, describe_expectation(ModelBundle.load(out), held_out, result.expected))
        return result.summary

    def _facts(self, trunk: Path | None = None) -> dict[str, Any]:
        """Return what a checkpoint stores so that it can be exported without the data."""
        return {
            "hashes": dict(self.hashes),
            "skipped": list(self.skipped),
            "frames": len(self.samples),
            "trunk": "none: random weights" if trunk == RANDOM else method_of(self.recipe).trunk(),
        }


def export_checkpoint(checkpoint: Path, out: Path, confidence_model: Path | None = None) -> ModelBundle:
    """Write the bundle of a checkpoint.

    Args:
        checkpoint: file, or the folder of the run.
        out: folder of the bundle.
        confidence_model: bundle, map or .json file; by default, the confidence model that the run fitted, if any.

    Raises:
        LiplocError: a checkpoint, bundle or folder that cannot be used.
    """
    check_replaceable(out, SPEC_FILE)
    checkpoint = checkpoint / CHECKPOINT_FILE if checkpoint.is_dir() else checkpoint
    state = load_checkpoint(checkpoint)
    recipe = validate_recipe(state["recipe"], str(checkpoint))
    method = method_of(recipe)
    model = method.model(RANDOM)
    model.load_state_dict(state["model"] if state["ema"] is None else state["ema"])
    chosen, result = UNFITTED, ""
    fitted = checkpoint.with_name(HELD_OUT_FILE)
    if confidence_model is not None:
        chosen = confidence_model_at(confidence_model)
    elif fitted.exists():
        content = json.loads(fitted.read_text())
        chosen, result = ConfidenceModel.model_validate(content["confidence_model"]), content["summary"]
    recipe = recipe.model_copy(update={"steps": state["step"]})
    write_bundle(method, recipe, model, state["facts"], out, chosen, result)
    return ModelBundle.load(out)


def _chosen_frames(drive: Drive, recipe: BaseRecipe) -> Drive:
    """Return a drive with the frames that the recipe allows; single frames as they are."""
    if len(drive.frames) < 2 or not (recipe.min_frame_distance or recipe.max_frames):
        return drive
    return spread_frames(drive.complete(), recipe.min_frame_distance, recipe.max_frames)


def _reset_folder(folder: Path, recipe: BaseRecipe, facts: Mapping[str, Any]) -> None:
    """Prepare the folder of a new run: remove the results of an earlier run, write recipe and data hashes.

    Raises:
        FileError: it cannot be written.
    """
    for old in (folder / CHECKPOINT_FILE, folder / HELD_OUT_FILE, folder / REPORT_FILE):
        try:
            old.unlink(missing_ok=True)
        except OSError as error:
            raise unwritable(old, error) from error
    for name, text in documents(recipe, facts).items():
        write_file(folder / name, text)
