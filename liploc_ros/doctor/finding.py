# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""What a check found."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Literal

from liploc_ros.errors import LiplocError

if TYPE_CHECKING:
    from liploc_ros.doctor.examination import Examination

Area = Literal["installation", "clock", "map", "camera", "ROS graph"]


class Level(IntEnum):
    """How serious a finding is, worst last. ERROR: something cannot work."""

    OK = 0
    WARN = 1
    ERROR = 2


@dataclass(frozen=True)
class Finding:
    """One line.

    Attributes:
        level: OK, WARN or ERROR.
        message: what was found, with the value.
        remedy: what to do; empty for OK.
    """

    level: Level
    message: str
    remedy: str = ""


def ok(message: str) -> Finding:
    """Return a finding of level OK."""
    return Finding(Level.OK, message)


def warn(message: str, remedy: str) -> Finding:
    """Return a finding of level WARN."""
    return Finding(Level.WARN, message, remedy)


def error(message: str, remedy: str) -> Finding:
    """Return a finding of level ERROR."""
    return Finding(Level.ERROR, message, remedy)


def of_text(level: Level, text: str) -> Finding:
    """Return a finding of a line that ends with its remedy, after the last colon."""
    problem, separator, remedy = text.rpartition(": ")
    return Finding(level, problem, remedy) if separator and level is not Level.OK else Finding(level, text)


def of_error(failure: LiplocError) -> Finding:
    """Return the finding of an error, whose message ends with the remedy."""
    return of_text(Level.ERROR, str(failure))


@dataclass(frozen=True)
class Check:
    """A check.

    Attributes:
        area: what it is about.
        name: of its lines, such as ``DDS``.
        run: yields its findings; none if it does not apply.
    """

    area: Area
    name: str
    run: "Callable[[Examination], Iterable[Finding]]"
