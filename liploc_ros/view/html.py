# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Tables and badges of the panel, as HTML. The ids let tests and scripts find them."""

from collections.abc import Sequence
from html import escape

import numpy as np

from liploc_ros.geometry import yaw_of
from liploc_ros.localization import Hypothesis, Localization, TrackingResult
from liploc_ros.localization.hypotheses import position_sigmas
from liploc_ros.view.updates import HealthLine, Level
from liploc_ros.views import colour_probability

BLUE, GREEN, ORANGE, RED, GREY = "#3c78ff", "#2f9e44", "#e8890c", "#d6336c", "#868e96"
STATE_COLOURS = {"LOCALIZED": GREEN, "CONVERGING": ORANGE, "LOST": RED, "SUCCESS": GREEN}
LEVEL_COLOURS = {Level.OK: GREEN, Level.WARN: ORANGE, Level.ERROR: RED, Level.STALE: GREY}
TEXT = "font-size:0.8rem;line-height:1.35;margin:0 0.1rem"
SHOWN_HYPOTHESES = 5


def state_html(state: str, message: str, pose: Hypothesis | None, source: str = "") -> str:
    """Return the state as a badge, its reason, and the known pose with its source in words."""
    colour = STATE_COLOURS.get(state, GREY)
    badge = (
        f'<span id="liploc-state" style="background:{colour};color:white;font-weight:700;font-size:1.05rem;'
        f'border-radius:0.3rem;padding:0.1rem 0.6rem">{escape(state)}</span>'
    )
    where = "pose not known"
    if pose is not None:
        along, across = position_sigmas(pose)
        x, y = pose.T_map_base[:2, 3]
        heading = np.rad2deg(yaw_of(pose.T_map_base))
        where = f"x {x:.2f}, y {y:.2f} m, heading {heading:.1f}&deg;, &sigma; {along:.2f} and {across:.2f} m"
        where += f"<div style='font-weight:400;opacity:0.75'>pose from {escape(source)}</div>" if source else ""
    return (
        f'<div style="{TEXT};padding:0.5rem 0.6rem 0">{badge}<div id="liploc-pose" style="margin-top:0.4rem;'
        f'font-weight:600">{where}</div><div id="liploc-message" style="opacity:0.75">{escape(message)}</div></div>'
    )


def hypotheses_html(localization: Localization | None, tracking: TrackingResult | None) -> str:
    """Return two tables: the belief, and the hypotheses of the last image alone."""
    parts = []
    if tracking is not None:
        title = f"Belief after all images: lost with {_percent(tracking.probability_lost)}"
        parts.append(_table("liploc-belief", title, tracking.hypotheses, is_belief=True))
    if localization is not None:
        title = f"Last image alone: {localization.status.name}"
        parts.append(_table("liploc-image-result", title, localization.hypotheses, is_belief=False))
        parts.append(f'<div style="{TEXT};opacity:0.75">{escape(localization.message)}</div>')
    return "".join(parts) or f'<div style="{TEXT}">no image yet</div>'


def health_html(lines: Sequence[HealthLine]) -> str:
    """Return a table with a dot per line in the colour of its level."""
    rows = "".join(
        f'<tr><td style="color:{LEVEL_COLOURS[line.level]};padding-right:0.3rem">&#9679;</td>'
        f'<td style="padding-right:0.6rem;white-space:nowrap;vertical-align:top">{escape(line.name)}</td>'
        f"<td>{escape(line.message)}</td></tr>"
        for line in lines
    )
    return f'<table id="liploc-health" style="{TEXT}"><tbody>{rows}</tbody></table>'


def text_html(text: str, name: str = "") -> str:
    """Return a line of small text."""
    return f'<div id="{name}" style="{TEXT};opacity:0.8">{escape(text)}</div>'


def _table(name: str, title: str, hypotheses: Sequence[Hypothesis], *, is_belief: bool) -> str:
    columns = ("", "prob.", "place", "x [m]", "y [m]", "head.", "&sigma; [m]", "score")
    head = "".join(f'<th style="text-align:right;font-weight:500;opacity:0.7">{column}</th>' for column in columns)
    rows = "".join(_row(hypothesis, is_belief=is_belief) for hypothesis in hypotheses[:SHOWN_HYPOTHESES])
    return (
        f'<div style="{TEXT};font-weight:600;margin-top:0.4rem">{escape(title)}</div>'
        f'<table id="{name}" style="{TEXT};width:100%;font-variant-numeric:tabular-nums"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _row(hypothesis: Hypothesis, *, is_belief: bool) -> str:
    x, y = hypothesis.T_map_base[:2, 3]
    colour = BLUE if is_belief else f"rgb{colour_probability(hypothesis.probability)}"
    values = (
        f'<span style="color:{colour}">&#9654;</span>',
        _percent(hypothesis.probability),
        str(hypothesis.place_id),
        f"{x:.1f}",
        f"{y:.1f}",
        f"{np.rad2deg(yaw_of(hypothesis.T_map_base)):.0f}&deg;",
        f"{max(position_sigmas(hypothesis)):.2f}",
        f"{hypothesis.score:.2f}",
    )
    return "<tr>" + "".join(f'<td style="text-align:right">{value}</td>' for value in values) + "</tr>"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
