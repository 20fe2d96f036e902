# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Evaluation protocols by name: the scans among which a query is searched, and the conditions."""

import re
from typing import Any, Literal

from pydantic import Field, ValidationError

from liploc_ros.evaluation.options import EvaluationError
from liploc_ros.evaluation.scene.camera_conditions import CameraConditions
from liploc_ros.evaluation.scene.lidar_beams import BEAM_COUNTS
from liploc_ros.evaluation.scene.simulated_pass import PassConditions
from liploc_ros.schema import FrozenModel, first_fault

ZERO_SHOT = "zero-shot"
KNOWN = (
    "same-frame, gap-METRES, exclude-SECONDS or revisit; lane-METRES, reverse, beams-64|32|16, camera-NAME, "
    "crop-DEGREES, tilt-DEGREES, roll-DEGREES, covered-PERCENT, blur-PIXELS, dark-FACTOR, grey; several with + between "
    "them, such as gap-8+crop-45; zero-shot, also before another: zero-shot-gap-8"
)
REVISIT_AFTER = 30.0  # seconds; the usual time after which a place counts as revisited
GAP = 8.0  # [m] of conditions without a base protocol
LANE_GAP = 0.0  # [m] of another lane: a second pass takes scans everywhere
NUMBER = r"(-?\d+(?:\.\d+)?)"

Kind = Literal["same-frame", "gap", "exclude", "revisit"]


class Protocol(FrozenModel):
    """The scans among which a query is searched, and the conditions.

    - ``same-frame``: every scan is a place, including the one taken with the query. This is how LIP-Loc's published
      code evaluates; it measures how well two sensors agree at one instant, not place recognition.
    - ``gap-D``: places along the path, each drawn only from scans at least D metres away.
    - ``exclude-T``: every scan is a place, except those within T seconds of the query.
    - ``revisit``: every scan that is more than 30 s older than the query is a place. All headings are searched.

    Conditions of the pass that the map is drawn from; they need places along a path, that is, ``gap-D``:

    - ``lane-D``: a vehicle D metres to the left of the recorded one; negative to the right. Its scans are simulated
      from the recorded ones, also from those near the query, as a second pass has scans everywhere: without a base
      protocol the gap is 0.
    - ``reverse``: a vehicle in the opposite direction.
    - ``beams-N``: a LiDAR with 64, 32 or 16 beams.

    Conditions of the images:

    - ``camera-NAME``: images of another camera, with its true mount.
    - ``crop-DEG``: only this part of the horizontal field of view.
    - ``tilt-DEG``, ``roll-DEG``: the mount that the localizer is given is wrong by this angle.
    - ``covered-PERCENT``: the middle part of the width is covered, as by a lorry ahead.
    - ``blur-PIXELS``, ``dark-FACTOR``, ``grey``: blurred by this standard deviation, darker, without color.

    Parts are joined by ``+``. Conditions without a base protocol are those of ``gap-8``. With any condition all
    headings are searched.
    """

    kind: Kind
    value: float = Field(0.0, ge=0, allow_inf_nan=False, description="metres of gap, seconds of exclude and revisit")
    zero_shot: bool = Field(False, description="require a model that was trained on other datasets only")
    mapped: PassConditions = PassConditions()
    camera: CameraConditions = CameraConditions()

    @classmethod
    def parse(cls, name: str) -> "Protocol":
        """Return the protocol of a name.

        Raises:
            EvaluationError: no such protocol.
        """
        zero_shot = name == ZERO_SHOT or name.startswith(f"{ZERO_SHOT}-")
        parts = ["same-frame"] if name == ZERO_SHOT else name.removeprefix(f"{ZERO_SHOT}-").split("+")
        fields: dict[str, Any] = {}
        for part in parts:
            found = _field_of(part)
            if found is None:
                raise EvaluationError(f"no protocol {name!r}: {part!r} is not one of {KNOWN}")
            if found[0] in fields:
                raise EvaluationError(f"no protocol {name!r}: {found[0]} is given twice")
            fields[found[0]] = found[1]
        kind, value = fields.pop("base", ("gap", LANE_GAP if "lane" in fields else GAP))
        try:
            mapped = PassConditions(**{key: fields.pop(key) for key in PassConditions.model_fields if key in fields})
            protocol = cls(
                kind=kind, value=value, zero_shot=zero_shot, mapped=mapped, camera=CameraConditions(**fields)
            )
        except ValidationError as error:
            raise EvaluationError(f"no protocol {name!r}: {first_fault(error, show_input=True)}") from error
        if kind != "gap" and not mapped.is_recorded:
            raise EvaluationError(
                f"no protocol {name!r}: lane, reverse and beams need places along a path: combine them with gap-METRES"
            )
        return protocol

    @property
    def name(self) -> str:
        """As :meth:`parse` takes it; the gap is left out if it follows from the conditions."""
        base = f"{self.kind}-{self.value:g}" if self.kind in ("gap", "exclude") else self.kind
        parts = [base, *self.conditions]
        default = LANE_GAP if self.mapped.lane is not None else GAP
        if self.conditions and (self.kind, self.value) == ("gap", default):
            parts = parts[1:]
        return "+".join(parts) if not self.zero_shot else f"{ZERO_SHOT}-{'+'.join(parts)}"

    @property
    def map_name(self) -> str:
        """The protocol of the same map, with images as recorded."""
        return self.model_copy(update={"camera": CameraConditions()}).name

    @property
    def conditions(self) -> list[str]:
        """The conditions, as :meth:`parse` takes them."""
        mapped, camera = self.mapped, self.camera
        named = [
            (mapped.lane is not None, f"lane-{mapped.lane or 0.0:g}"),
            (mapped.reverse, "reverse"),
            (mapped.beams is not None, f"beams-{mapped.beams}"),
            (camera.camera is not None, f"camera-{camera.camera}"),
            (camera.crop is not None, f"crop-{camera.crop or 0.0:g}"),
            (camera.tilt is not None, f"tilt-{camera.tilt or 0.0:g}"),
            (camera.roll is not None, f"roll-{camera.roll or 0.0:g}"),
            (camera.covered is not None, f"covered-{camera.covered or 0.0:g}"),
            (camera.blur is not None, f"blur-{camera.blur or 0.0:g}"),
            (camera.dark is not None, f"dark-{camera.dark or 0.0:g}"),
            (camera.grey, "grey"),
        ]
        return [name for is_set, name in named if is_set]

    @property
    def may_have_no_answer(self) -> bool:
        """Whether a query may have no correct place left; such a query is not counted."""
        return self.kind in ("exclude", "revisit")

    @property
    def searches_all_headings(self) -> bool:
        """Whether the heading is searched even if it could be given."""
        return self.kind == "revisit" or bool(self.conditions)


def _field_of(part: str) -> tuple[str, Any] | None:
    """Return the field that a part of a name sets, and its value; None if there is no such part."""
    if part == "same-frame":
        return "base", ("same-frame", 0.0)
    if part == "revisit":
        return "base", ("revisit", REVISIT_AFTER)
    if part in ("reverse", "grey"):
        return part, True
    if found := re.fullmatch(r"(gap|exclude)-(\d+(?:\.\d+)?)", part):
        return "base", (found[1], float(found[2]))
    if found := re.fullmatch(r"beams-(\d+)", part):
        return ("beams", int(found[1])) if int(found[1]) in BEAM_COUNTS else None
    if found := re.fullmatch(rf"(lane|crop|tilt|roll|covered|blur|dark)-{NUMBER}", part):
        return found[1], float(found[2])
    found = re.fullmatch(r"camera-(.+)", part)
    return ("camera", found[1]) if found else None
