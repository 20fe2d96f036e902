# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The table of docs/benchmarks.md: recall over gap with each drive held out. Run `make held-out` first.

    python -m benchmarks.held_out --evaluations out/evaluation --reference prototype.json

`make figures` draws the curves from the table on that page.

The reference is the recall [%] of another system by drive and gap, as JSON: {"0013": {"0": 95, "3": 66, ...}}.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

DRIVES = ("0013", "0005", "0001")
GAPS = ("0", "3", "5", "8", "12")
THRESHOLD = "2"  # of a correct place [m]
Curve = dict[str, float]


def held_out(
    evaluations: Annotated[Path, typer.Option(help="Folder of the evaluations.")] = Path("out/evaluation"),
    reference: Annotated[Path | None, typer.Option(help="JSON with the recall of another system.")] = None,
) -> None:
    """Print recall@1 within 2 m by drive and gap."""
    references: dict[str, Curve] = {} if reference is None else json.loads(reference.read_text())
    curves = {drive: _curves(evaluations, drive, references.get(drive)) for drive in DRIVES}
    typer.echo("| held out | | own scan | " + " | ".join(f"{gap} m" for gap in GAPS[1:]) + " |")
    typer.echo("|---" * (len(GAPS) + 2) + "|")
    for drive, drive_curves in curves.items():
        for name, curve in drive_curves.items():
            typer.echo(f"| {drive} | {name} | " + " | ".join(_cell(curve, gap) for gap in GAPS) + " |")


def _curves(evaluations: Path, drive: str, reference: Curve | None) -> dict[str, Curve]:
    curves: dict[str, Curve] = {}
    chance = 0.0
    for recipe in ("aligned", "liploc"):
        gap_8, own = (evaluations / f"{kind}{recipe}_{drive}" / "metrics.json" for kind in ("", "same_frame_"))
        if not (gap_8.exists() and own.exists()):
            continue
        metrics, same = json.loads(gap_8.read_text()), json.loads(own.read_text())
        curve = {gap: 100 * rates[THRESHOLD]["recall"] for gap, rates in metrics["recall_at_1_over_gap"].items()}
        curves[recipe] = {**curve, "0": 100 * same["recall_at_1"][THRESHOLD]["recall"]}
        chance = 100 * metrics["recall_at_1"][THRESHOLD]["chance"]
    if not curves:
        raise typer.BadParameter(f"{evaluations}: no evaluation of drive {drive}: run `make held-out` first")
    if reference is not None:
        curves["reference"] = reference
    return {**curves, "chance": dict.fromkeys(GAPS, chance)}


def _cell(curve: Curve, gap: str) -> str:
    return f"{curve[gap]:.1f}" if gap in curve else ""
