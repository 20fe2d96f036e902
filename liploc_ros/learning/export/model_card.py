# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The model card: README.md in the folder of a bundle."""

from pathlib import Path

from liploc_ros.encoders import ModelSpec
from liploc_ros.encoders.spec import ConfidenceModel
from liploc_ros.files import write_file

CARD_FILE = "README.md"
MAX_DRIVES = 8  # listed by name
CONFIDENCE_ROW = "confidence model"
OLD_CONFIDENCE_ROW = "acceptance"  # in cards written before 2026-11-26
PARITY = "The ONNX files agree with torch: cosine >= 0.9999."
FP16_PARITY = " The fp16 files, which TensorRT engines are built from, agree with them: cosine >= 0.999."


def write_model_card(folder: Path, spec: ModelSpec, held_out: str) -> None:
    """Write the card of a bundle; ``held_out`` is the result on a drive that was not trained on, or empty.

    Raises:
        FileError: it cannot be written.
    """
    write_file(folder / CARD_FILE, model_card(spec, held_out))


def update_model_card(folder: Path, confidence_model: ConfidenceModel) -> None:
    """Replace the row of the confidence model in the card of a bundle. A bundle without a card is left as it is.

    Raises:
        FileError: it cannot be written.
    """
    path = folder / CARD_FILE
    if path.is_file():
        new_row = _row(CONFIDENCE_ROW, _confidence_text(confidence_model))
        old_rows = tuple(f"| {name} |" for name in (CONFIDENCE_ROW, OLD_CONFIDENCE_ROW))
        lines = path.read_text().split("\n")
        write_file(path, "\n".join(new_row if line.startswith(old_rows) else line for line in lines))


def add_fp16_to_model_card(folder: Path) -> None:
    """Add the fp16 files to the card of a bundle. A bundle without a card is left as it is.

    Raises:
        FileError: it cannot be written.
    """
    path = folder / CARD_FILE
    if path.is_file():
        write_file(path, path.read_text().replace(FP16_PARITY, "").replace(PARITY, PARITY + FP16_PARITY))


def model_card(spec: ModelSpec, held_out: str) -> str:
    """Return the text of the card; see :func:`write_model_card`."""
    training = spec.training
    more = len(training.drives) - MAX_DRIVES
    drives = ", ".join(training.drives[:MAX_DRIVES]) + (f" and {more} more (data.json)" if more > 0 else "")
    grid = f"{spec.grid.azimuth_deg:g} degrees, {spec.grid.up_deg:+g} to {spec.grid.down_deg:+g} degrees"
    rows = {
        "recipe": f"{training.recipe}; all settings are in recipe.yaml",
        "pretrained network": training.trunk,
        "trained on": f"{training.frames} frames of {len(training.drives)} drives: {drives}",
        "skipped": f"{training.skipped} frames that could not be read",
        "data": f"sha256 {training.data}; data.json has the hash of each drive",
        "steps, seed": f"{training.steps}, {training.seed}",
        "view": f"{grid}, {spec.grid.width} x {spec.grid.height} pixels",
        "features": _feature_text(spec),
        "held-out drive": held_out or "none: recall was not measured in this run",
        CONFIDENCE_ROW: _confidence_text(spec.confidence_model),
        "licence": spec.licence,
    }
    table = "\n".join(_row(key, value) for key, value in rows.items())
    return (
        f"# {spec.name}\n"
        "Two encoders for `liploc_ros`, one for camera images and one for LiDAR scans. They localize a camera image "
        "on a LiDAR map. To use them, pass this folder to `--model`. "
        f"{PARITY}{FP16_PARITY if spec.has_fp16 else ''}\n"
        f"\n| | |\n|---|---|\n{table}\n"
    )


def _feature_text(spec: ModelSpec) -> str:
    if spec.embeds_whole_image:
        return f"one vector of {spec.channels} numbers per image, and per heading of a place"
    return f"one vector of {spec.channels} numbers per cell of {spec.stride} x {spec.stride} pixels"


def _confidence_text(model: ConfidenceModel) -> str:
    return f"minimum confidence {model.min_confidence:g}, minimum margin {model.min_margin:g}; {model.source}"


def _row(key: str, value: str) -> str:
    return f"| {key} | {value.replace('|', '/')} |"
