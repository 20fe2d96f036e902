# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Options of ``liploc evaluate`` and ``liploc calibrate``, checked."""

from pydantic import ValidationError

from liploc_ros.evaluation.options import EvaluationError, EvaluationOptions


def evaluation_options(**values: object) -> EvaluationOptions:
    """Return the options of an evaluation.

    Raises:
        EvaluationError: a value is refused; the message names the command line option.
    """
    try:
        return EvaluationOptions.model_validate(values)
    except ValidationError as error:
        fault = error.errors()[0]
        option = str(fault["loc"][0]).replace("_", "-")
        raise EvaluationError(f"--{option} {fault['input']}: {fault['msg']}") from error


def parse_gaps(text: str) -> list[float]:
    """Return the numbers of ``--gaps`` [m], which are separated by spaces or commas.

    Raises:
        EvaluationError: one of them is not a finite number of at least 0.
    """
    try:
        gaps = [float(part) for part in text.replace(",", " ").split()]
    except ValueError:
        gaps = [-1.0]
    if any(not 0 <= gap < float("inf") for gap in gaps):
        raise EvaluationError(f"--gaps {text!r}: give distances in metres that are not negative, such as '0 3 5 8 12'")
    return gaps
