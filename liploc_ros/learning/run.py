"""A whole training run: samples, training, acceptance from a held-out drive, export."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from liploc_ros.datasets import open_drive
from liploc_ros.datasets.frame import Drive
from liploc_ros.datasets.kitti_object import read_kitti_object
from liploc_ros.encoders import ModelBundle
from liploc_ros.encoders.bundle import SPEC_FILE
from liploc_ros.encoders.spec import AcceptanceSpec, TrainingSpec
from liploc_ros.errors import LiplocError
from liploc_ros.learning.calibrate import Trial, calibrate, write_acceptance
from liploc_ros.learning.export import export
from liploc_ros.learning.method import Sample
from liploc_ros.learning.methods import method_of
from liploc_ros.learning.recipe import BaseRecipe, read_recipe
from liploc_ros.learning.trainer import train
from liploc_ros.mapping.storage import check_replaceable

UNCALIBRATED = AcceptanceSpec(
    min_score=0.5, min_margin=0.01, temperature=0.03, source="not calibrated: no drive was held out"
)


class TrainingError(LiplocError):
    """Nothing to train on."""


@dataclass(frozen=True)
class TrainingRun:
    """A recipe with its drives and their samples."""

    recipe: BaseRecipe
    drives: tuple[Drive, ...]
    samples: tuple[Sample, ...]

    @classmethod
    def prepare(
        cls, recipe_name: str, drives: Sequence[Path], singles: Sequence[Path], steps: int | None = None
    ) -> "TrainingRun":
        """Read the drives and draw their views.

        Raises:
            TrainingError: no drive, or no frame with image, scan and pose in them.
            LiplocError: a recipe or drive that cannot be read.
        """
        recipe = read_recipe(recipe_name, {} if steps is None else {"steps": steps})
        sources: list[Drive] = [open_drive(path) for path in drives]
        for split in singles:
            sources += read_kitti_object(split)
        method = method_of(recipe)
        samples = [sample for drive in sources for sample in method.samples(drive)]
        if len(samples) < recipe.batch:
            raise TrainingError(
                f"{len(samples)} frames with image, scan and pose, fewer than a batch of {recipe.batch}: "
                "give more --drive"
            )
        return cls(recipe, tuple(sources), tuple(samples))

    def execute(
        self, out: Path, trunk: Path | None, held_out: Path | None, acceptance: Path | None
    ) -> tuple[ModelBundle, list[Trial]]:
        """Train, write the bundle, and set its acceptance: from a held-out drive, or from a bundle that had one.

        Returns the bundle and the trials on the held-out drive.

        Raises:
            TrainingError: the held-out drive was trained on.
        """
        check_replaceable(out, SPEC_FILE)
        held_out_drive = None if held_out is None else open_drive(held_out)
        if held_out_drive is not None and held_out_drive.name in {drive.name for drive in self.drives}:
            raise TrainingError(f"{held_out_drive.name} is held out and trained on: take it from one of the two")
        spec = UNCALIBRATED if acceptance is None else ModelBundle.load(acceptance).spec.acceptance
        method = method_of(self.recipe)
        model = train(method, self.samples, self.recipe, trunk)
        training = TrainingSpec(
            drives=tuple(drive.name for drive in self.drives),
            frames=len(self.samples),
            steps=self.recipe.steps,
            seed=self.recipe.seed,
            recipe=self.recipe.name,
            trunk=method.trunk(),
        )
        export(method, model, out, self.recipe.name, training, spec)
        trials: list[Trial] = []
        if held_out_drive is not None:
            spec, trials = calibrate(ModelBundle.load(out), held_out_drive, self.drives)
            write_acceptance(out, spec)
        return ModelBundle.load(out), trials
