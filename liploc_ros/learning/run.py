"""A whole training run: samples, training, export, acceptance from a held-out drive."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from torch import nn

from liploc_ros.datasets import open_drive, open_sources
from liploc_ros.datasets.drive import Drive
from liploc_ros.encoders import ModelBundle
from liploc_ros.encoders.bundle import SPEC_FILE
from liploc_ros.encoders.spec import ConfidenceModel, TrainingSpec
from liploc_ros.evaluation.provenance import is_in_training
from liploc_ros.files import check_replaceable
from liploc_ros.learning.checkpoint import CHECKPOINT_FILE, load_checkpoint
from liploc_ros.learning.confidence import UNCALIBRATED, calibrate_on, confidence_model_at
from liploc_ros.learning.dataset_checks import draw_samples, intact
from liploc_ros.learning.distributed import Processes
from liploc_ros.learning.export import export
from liploc_ros.learning.method import RANDOM, Method, Sample
from liploc_ros.learning.model_card import write_card
from liploc_ros.learning.recipe import BaseRecipe, read_recipe, recipe_of
from liploc_ros.learning.registry import method_of
from liploc_ros.learning.trainer import Trainer, TrainingError
from liploc_ros.localization.calibration.storage import write_confidence_model

RECIPE_FILE, DATA_FILE, HELD_OUT_FILE = "recipe.yaml", "data.json", "held_out.json"


@dataclass(frozen=True)
class TrainingRun:
    """A recipe with its drives and their samples.

    Attributes:
        recipe: how to train.
        drives: that are trained on, without frames that cannot be read.
        samples: of all drives.
        hashes: of each drive's data, by name.
        skipped: why each frame that cannot be read was left out.
    """

    recipe: BaseRecipe
    drives: tuple[Drive, ...]
    samples: tuple[Sample, ...]
    hashes: Mapping[str, str]
    skipped: tuple[str, ...]

    @classmethod
    def prepare(
        cls,
        recipe_name: str,
        drives: Sequence[Path],
        singles: Sequence[Path] = (),
        steps: int | None = None,
        changes: Mapping[str, Any] | None = None,
    ) -> "TrainingRun":
        """Read the drives and draw their views.

        Args:
            recipe_name: name of a recipe, or a YAML file.
            drives: recordings; a recipe's ``sequences`` takes the first ones.
            singles: recordings that are always taken: splits of KITTI's object benchmark.
            steps: instead of the recipe's.
            changes: of the recipe; see :func:`~liploc_ros.learning.recipe.read_recipe`.

        Raises:
            TrainingError: no drive, or no frame with image, scan and pose in them.
            LiplocError: a recipe or drive that cannot be read.
        """
        recipe = read_recipe(recipe_name, {**(changes or {}), **({} if steps is None else {"steps": steps})})
        method = method_of(recipe)
        paths = [*drives[: recipe.sequences or None], *singles]
        sources = [drive for path in paths for drive in open_sources(path)]
        drawn = [draw_samples(method, drive) for drive in sources]
        samples = tuple(sample for drive in drawn for sample in drive.samples)
        skipped = tuple(reason for drive in drawn for reason in drive.skipped)
        if len(samples) < recipe.batch:
            why = f" ({len(skipped)} more cannot be read, the first: {skipped[0]})" if skipped else ""
            raise TrainingError(
                f"{len(samples)} frames with image, scan and pose{why}, fewer than a batch of {recipe.batch}: "
                "give more --drive"
            )
        used = [drive for drive in drawn if drive.samples]
        hashes = {drive.drive.name: drive.sha256 for drive in used}
        return cls(recipe, tuple(drive.drive for drive in used), samples, hashes, skipped)

    def execute(
        self,
        out: Path,
        trunk: Path | None = None,
        held_out: Path | None = None,
        confidence_model: Path | None = None,
        folder: Path | None = None,
        resume: bool = False,
    ) -> tuple[ModelBundle, str]:
        """Train, write the bundle, and set its acceptance: from a held-out drive, or one that is given.

        Args:
            out: folder of the bundle.
            trunk: weights to start from; see :meth:`~liploc_ros.learning.method.Method.model`.
            held_out: drive that is not trained on.
            confidence_model: bundle, or .json of an acceptance, that is taken over.
            folder: for checkpoints and curves; ``OUT.run`` when left out.
            resume: go on from the folder's checkpoint, if there is one.

        Returns:
            The bundle, and in words what the held-out drive showed; nothing if there was none.

        Raises:
            TrainingError: the held-out drive was trained on, or training cannot go on.
            LiplocError: a drive, bundle, checkpoint or folder that cannot be used.
        """
        check_replaceable(out, SPEC_FILE)
        folder = out.with_name(f"{out.name}.run") if folder is None else folder
        held_out_drive = None if held_out is None else intact(open_drive(held_out))[0]
        if held_out_drive is not None and is_in_training(held_out_drive.name, self.hashes):
            raise TrainingError(f"{held_out_drive.name} is held out and trained on: take it from one of the two")
        accepted = confidence_model_at(confidence_model)
        with Processes.joined() as processes:
            model = self._trained(trunk, held_out_drive, folder, resume, processes)
            said = ""
            if processes.is_first:
                _write_bundle(method_of(self.recipe), self.recipe, model, self._facts(), out, accepted, "")
                if held_out_drive is not None:
                    said = self._calibrate(out, held_out_drive, folder)
            processes.wait()
        return ModelBundle.load(out), said

    def _trained(
        self, trunk: Path | None, held_out: Drive | None, folder: Path, resume: bool, processes: Processes
    ) -> nn.ModuleDict:
        method = method_of(self.recipe)
        looked_at = draw_samples(method, held_out).samples if held_out and self.recipe.validate_every else ()
        checkpoint = folder / CHECKPOINT_FILE
        state = load_checkpoint(checkpoint) if resume and checkpoint.exists() else None
        trainer = Trainer(method, self.recipe, trunk if state is None else RANDOM, processes)
        facts = self._facts()
        if state is not None:
            trainer.load(state)
            if state["facts"]["hashes"] != facts["hashes"]:
                raise TrainingError(f"{checkpoint} saw other data: give the same drives, or start anew")
        elif processes.is_first:
            _write_documents(folder, self.recipe, facts)
        return trainer.fit(self.samples, folder, facts, looked_at)

    def _calibrate(self, out: Path, held_out: Drive, folder: Path) -> str:
        found = calibrate_on(held_out, self.drives, ModelBundle.load(out), folder)
        write_confidence_model(out, found.confidence_model)
        write_card(out, ModelBundle.load(out).spec, found.summary)
        measured = {"acceptance": found.confidence_model.model_dump(mode="json"), "summary": found.summary}
        (folder / HELD_OUT_FILE).write_text(json.dumps(measured, indent=2) + "\n")
        return found.summary

    def _facts(self) -> dict[str, Any]:
        """Return what a checkpoint keeps, to be exported without the data."""
        return {
            "hashes": dict(self.hashes),
            "skipped": list(self.skipped),
            "frames": len(self.samples),
            "trunk": method_of(self.recipe).trunk(),
        }


def export_checkpoint(checkpoint: Path, out: Path, confidence_model: Path | None = None) -> ModelBundle:
    """Write the bundle of a checkpoint.

    Its confidence model is that of the bundle or .json, or what its run fitted to a held-out drive, if any.

    Raises:
        LiplocError: a checkpoint, bundle or folder that cannot be used.
    """
    check_replaceable(out, SPEC_FILE)
    checkpoint = checkpoint / CHECKPOINT_FILE if checkpoint.is_dir() else checkpoint
    state = load_checkpoint(checkpoint)
    recipe = recipe_of(state["recipe"], str(checkpoint))
    method = method_of(recipe)
    model = method.model(RANDOM)
    model.load_state_dict(state["model"] if state["average"] is None else state["average"]["weights"])
    accepted, said = UNCALIBRATED, ""
    measured = checkpoint.with_name(HELD_OUT_FILE)
    if confidence_model is not None:
        accepted = confidence_model_at(confidence_model)
    elif measured.exists():
        content = json.loads(measured.read_text())
        accepted, said = ConfidenceModel.model_validate(content["acceptance"]), content["summary"]
    recipe = recipe.model_copy(update={"steps": state["step"]})
    _write_bundle(method, recipe, model, state["facts"], out, accepted, said)
    return ModelBundle.load(out)


def _write_bundle(
    method: Method[Any],
    recipe: BaseRecipe,
    model: nn.ModuleDict,
    facts: Mapping[str, Any],
    out: Path,
    confidence_model: ConfidenceModel,
    held_out: str,
) -> None:
    hashes: Mapping[str, str] = facts["hashes"]
    training = TrainingSpec(
        drives=tuple(hashes),
        frames=facts["frames"],
        steps=recipe.steps,
        seed=recipe.seed,
        recipe=recipe.name,
        trunk=facts["trunk"],
        skipped=len(facts["skipped"]),
        data=hashlib.sha256("".join(f"{name}{hashes[name]}" for name in sorted(hashes)).encode()).hexdigest(),
    )
    spec = export(method, model, out, recipe.name, training, confidence_model, _documents(recipe, facts))
    write_card(out, spec, held_out)


def _documents(recipe: BaseRecipe, facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the effective recipe and the data's hashes as files."""
    data = {"drives": facts["hashes"], "skipped": facts["skipped"]}
    return {
        RECIPE_FILE: yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False),
        DATA_FILE: json.dumps(data, indent=2) + "\n",
    }


def _write_documents(folder: Path, recipe: BaseRecipe, facts: Mapping[str, Any]) -> None:
    """Begin a run's folder anew."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in (CHECKPOINT_FILE, HELD_OUT_FILE):
            (folder / old).unlink(missing_ok=True)
        for name, text in _documents(recipe, facts).items():
            (folder / name).write_text(text)
    except OSError as error:
        raise TrainingError(f"{folder}: cannot be written ({error.strerror}): choose another folder") from error
