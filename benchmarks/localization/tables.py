# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The tables on localization in docs/benchmarks.md, from the JSON files of each drive."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.localization.scenes import DRIVES

STEPS = {"retrieval": "retrieval", "similarity": "+ match by similarity", "match score": "+ match score"}
MAPS = ("own map", "all drives", "reversed")
NOTICED, SOLVED = 5.0, 15.0  # m
Found = dict[str, dict[str, Any]]


def tables(folder: Path) -> str:
    """Return the tables of all existing files as Markdown."""
    parts: list[tuple[str, Callable[[Found], Iterable[str]]]] = [
        ("single_images", _recall),
        ("single_images", _errors),
        ("single_images", _coverage),
        ("tracking", _tracking),
        ("tracking", _tracking_coverage),
        ("kidnapping", _kidnapping),
        ("false_accepts", _false_accepts),
        ("times", _times),
    ]
    shown = []
    for part, rows_of in parts:
        files = {name: folder / f"{part}_{name}.json" for name in DRIVES}
        found = {name: json.loads(path.read_text()) for name, path in files.items() if path.exists()}
        if found:
            shown.append("\n".join(rows_of(found)))
    return "\n\n".join(shown)


def _recall(found: Found) -> Iterable[str]:
    yield _head("held out", "", *(f"{name}: 1 m, 2 m, 5 m" for name in MAPS))
    for drive, of_drive in found.items():
        for step, title in STEPS.items():
            yield _row(drive, title, *(", ".join(f"{v:.1f}" for v in of_drive[m][step].values()) for m in MAPS))


def _errors(found: Found) -> Iterable[str]:
    yield _head("held out", "median error of correct poses", "accepted", "correct", "wrong by more than 5 m")
    for drive, of_drive in found.items():
        f = of_drive["all drives"]
        error = f"{f['median position error [m]']:.2f} m, {f['median heading error [deg]']:.2f} degrees"
        accepted = f"{f['accepted']} of {f['images']} ({f['accepted [%]']:.1f} %)"
        yield _row(drive, error, accepted, f["accepted and correct"], f["accepted and wrong by more than 5 m"])


def _coverage(found: Found) -> Iterable[str]:
    yield from _coverage_table({drive: f["all drives"]["coverage"] for drive, f in found.items()}, "accepted images")


def _tracking_coverage(found: Found) -> Iterable[str]:
    yield from _coverage_table({drive: f["odometry"]["coverage"] for drive, f in found.items()}, "localized frames")


def _coverage_table(coverages: dict[str, dict[str, list[int]]], what: str) -> Iterable[str]:
    together = {
        axis: np.sum([c[axis] for c in coverages.values()], axis=0).tolist() for axis in ("along", "across", "heading")
    }
    yield _head("held out", what, "along: within 1, 2 sigma", "across", "heading")
    for drive, coverage in [*coverages.items(), ("together", together)]:
        shares = [f"{_percent(one, n)}, {_percent(two, n)}" for one, two, n in coverage.values()]
        yield _row(drive, coverage["along"][2], *shares)


def _tracking(found: Found) -> Iterable[str]:
    kinds = ("odometry", "no odometry")
    first = next(iter(found.values()))[kinds[0]]
    names = [name for name in first if name != "coverage"]
    yield _head("held out", "", *names)
    for drive, of_drive in found.items():
        for kind in kinds:
            yield _row(drive, kind, *(of_drive[kind][name] for name in names))


def _kidnapping(found: Found) -> Iterable[str]:
    yield _head(
        "held out",
        "",
        "localized before",
        "starts",
        "noticed within 5 m",
        "solved within 15 m",
        "solved: median, worst [m]",
    )
    for drive, of_drive in found.items():
        for move, times in of_drive.items():
            noticed, solved = np.array(times["noticed"]), np.array(times["solved"])
            yield _row(
                drive,
                move,
                "yes" if times["localized before"] else "no",
                len(solved),
                _percent(int((noticed <= NOTICED).sum()), len(noticed)),
                _percent(int((solved <= SOLVED).sum()), len(solved)),
                f"{np.median(solved):.1f}, {solved.max():.1f}",
            )


def _false_accepts(found: Found) -> Iterable[str]:
    yield _head("", *found, "together")
    totals = np.zeros(2, int)
    for kind in next(iter(found.values())):
        counts = [of_drive[kind] for of_drive in found.values()]
        together = np.sum(counts, axis=0)
        if "track" not in kind:
            totals += together
        yield _row(kind, *(f"{wrong} of {n}" for wrong, n in counts), f"{together[0]} of {together[1]}")
    yield _row("all images by themselves", *[""] * len(found), f"{totals[0]} of {totals[1]}")


def _times(found: Found) -> Iterable[str]:
    kinds = ("image to hypotheses", "tracked", "added by tracking")
    yield _head("held out", "places", *(f"{kind}: p50, p99 [ms]" for kind in kinds), "steps [ms]")
    for drive, f in found.items():
        steps = ", ".join(f"{name} {ms:.1f}" for name, ms in f["steps, median"].items())
        yield _row(drive, f["places"], *(f"{f[kind]['p50']:.1f}, {f[kind]['p99']:.1f}" for kind in kinds), steps)


def _percent(count: int, total: int) -> str:
    return f"{100 * count / max(1, total):.0f} %"


def _head(*cells: object) -> str:
    return _row(*cells) + "\n|" + "---|" * len(cells)


def _row(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"
