"""What a person should know of a bundle: README.md in its folder."""

from pathlib import Path

from liploc_ros.encoders import ModelSpec
from liploc_ros.encoders.spec import ConfidenceModel

CARD_FILE = "README.md"
SHOWN = 8  # drives


def write_card(folder: Path, spec: ModelSpec, held_out: str) -> None:
    """Write the card of a bundle; ``held_out`` says in words what was measured on a drive not trained on."""
    _write(folder, card(spec, held_out))


def renew_confidence_model(folder: Path, confidence_model: ConfidenceModel) -> None:
    """Put another acceptance into the card of a bundle, if it has one; the rest stays as it is."""
    if (folder / CARD_FILE).is_file():
        lines = (folder / CARD_FILE).read_text().split("\n")
        row = _row("acceptance", _in_words(confidence_model))
        _write(folder, "\n".join(row if line.startswith("| acceptance |") else line for line in lines))


def card(spec: ModelSpec, held_out: str) -> str:
    """Return the text of the card."""
    training = spec.training
    more = len(training.drives) - SHOWN
    drives = ", ".join(training.drives[:SHOWN]) + (f" and {more} more (data.json)" if more > 0 else "")
    grid = f"{spec.grid.azimuth_deg:g} degrees, {spec.grid.up_deg:+g} to {spec.grid.down_deg:+g} degrees"
    rows = {
        "recipe": f"{training.recipe}, all its settings in recipe.yaml",
        "start": f"{training.trunk}",
        "trained on": f"{training.frames} frames of {len(training.drives)} drives: {drives}",
        "left out": f"{training.skipped} frames that could not be read",
        "data": f"sha256 {training.data}, of each drive in data.json",
        "steps, seed": f"{training.steps}, {training.seed}",
        "view": f"{grid}, {spec.grid.width} x {spec.grid.height} pixels",
        "cells": f"{spec.channels} numbers for {spec.stride} x {spec.stride} pixels",
        "held-out drive": held_out or "none: how well it works was not measured in this run",
        "acceptance": _in_words(spec.confidence_model),
        "licence": spec.licence,
    }
    table = "\n".join(_row(key, value) for key, value in rows.items())
    return (
        f"# {spec.name}\n"
        "Two encoders, one for camera images and one for LiDAR scans, for `liploc_ros` (`--model` with this folder). "
        "They tell where on a LiDAR map a camera image was taken. Both ONNX files agree with torch: cosine >= 0.9999.\n"
        f"\n| | |\n|---|---|\n{table}\n"
    )


def _in_words(confidence_model: ConfidenceModel) -> str:
    model = confidence_model
    return f"confidence {model.min_confidence:g}, margin {model.min_margin:g}; {model.source}"


def _row(key: str, value: str) -> str:
    return f"| {key} | {value.replace('|', '/')} |"


def _write(folder: Path, text: str) -> None:
    draft = folder / f".{CARD_FILE}.new"
    draft.write_text(text)
    draft.replace(folder / CARD_FILE)
