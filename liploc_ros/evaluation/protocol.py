# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Evaluation protocols by name: the scans among which a query is searched."""

import re
from typing import Literal

from pydantic import Field

from liploc_ros.evaluation.options import EvaluationError
from liploc_ros.schema import FrozenModel

ZERO_SHOT = "zero-shot"
KNOWN = "same-frame, gap-METRES, exclude-SECONDS, revisit, or zero-shot, also before another: zero-shot-gap-8"
REVISIT_AFTER = 30.0  # seconds; the usual time after which a place counts as revisited

Kind = Literal["same-frame", "gap", "exclude", "revisit"]


class Protocol(FrozenModel):
    """The scans among which a query is searched.

    - ``same-frame``: every scan is a place, including the one taken with the query. This is how LIP-Loc's published
      code evaluates; it measures how well two sensors agree at one instant, not place recognition.
    - ``gap-D``: places along the path, each drawn only from scans at least D metres away.
    - ``exclude-T``: every scan is a place, except those within T seconds of the query.
    - ``revisit``: every scan that is more than 30 s older than the query is a place. All headings are searched.
    """

    kind: Kind
    value: float = Field(0.0, ge=0, allow_inf_nan=False, description="metres of gap, seconds of exclude and revisit")
    zero_shot: bool = Field(False, description="require a model that was trained on other datasets only")

    @classmethod
    def parse(cls, name: str) -> "Protocol":
        """Return the protocol of a name.

        Raises:
            EvaluationError: no such protocol.
        """
        zero_shot = name == ZERO_SHOT or name.startswith(f"{ZERO_SHOT}-")
        base = "same-frame" if name == ZERO_SHOT else name.removeprefix(f"{ZERO_SHOT}-")
        if base == "same-frame":
            return cls(kind="same-frame", zero_shot=zero_shot)
        if base == "revisit":
            return cls(kind="revisit", value=REVISIT_AFTER, zero_shot=zero_shot)
        if found := re.fullmatch(r"gap-(\d+(?:\.\d+)?)", base):
            return cls(kind="gap", value=float(found[1]), zero_shot=zero_shot)
        if found := re.fullmatch(r"exclude-(\d+(?:\.\d+)?)", base):
            return cls(kind="exclude", value=float(found[1]), zero_shot=zero_shot)
        raise EvaluationError(f"no protocol {name!r}: give {KNOWN}")

    @property
    def name(self) -> str:
        """As :meth:`parse` takes it."""
        base = f"{self.kind}-{self.value:g}" if self.kind in ("gap", "exclude") else self.kind
        return f"{ZERO_SHOT}-{base}" if self.zero_shot else base

    @property
    def may_have_no_answer(self) -> bool:
        """Whether a query may have no correct place left; such a query is not counted."""
        return self.kind in ("exclude", "revisit")
