# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Options that several verbs share.

Every ``liploc --help`` reads this file, so it imports no other part of the library. Choices and defaults are repeated
here; a test compares them with the library's.
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

Backend = Literal["auto", "onnx", "tensorrt", "tensorrt_rtx"]
Precision = Literal["fp32", "fp16"]
Flavour = Literal["tensorrt", "tensorrt_rtx"]

PLACE_SPACING = 1.0
LATERAL_REACH, LATERAL_SPACING = 4.0, 1.0
SCANS_PER_PLACE = 6

ModelOption = Annotated[Path | None, typer.Option("--model", help="Model bundle. Default: the bundle of the package.")]
CameraOption = Annotated[
    str | None, typer.Option("--camera", help="Optical frame of the camera. Default: the first camera.")
]
PlaceSpacingOption = Annotated[
    float, typer.Option("--place-spacing", help="Distance between places along the path [m].")
]
LateralReachOption = Annotated[
    float,
    typer.Option(
        "--lateral-reach",
        help="Places are also drawn up to this distance to both sides of the path, where the scans show free road; "
        "0: only on the path [m].",
    ),
]
LateralSpacingOption = Annotated[
    float, typer.Option("--lateral-spacing", help="Distance between places across the path [m].")
]
ScansPerPlaceOption = Annotated[
    int, typer.Option("--scans-per-place", help="Number of scans that each place is drawn from.")
]
ConfidenceModelOption = Annotated[
    Path | None,
    typer.Option(
        "--confidence-model",
        help="Bundle or .json file whose confidence model is used. Default: the one fitted to the held-out drive.",
    ),
]
ChangesOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the recipe. Can be repeated.")
]
