# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""`make test-jazzy` and `make test-rtx` test the lower bounds in pyproject.toml."""

import re
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SOURCE = Path(__file__).resolve().parents[2]


def versions(lines: list[str], comparison: str) -> dict[str, str]:
    """Return the version of each distribution that does not belong to ROS 2."""
    found = [match.groups() for line in lines if (match := re.match(rf"([\w.-]+){comparison}([\d.]+)", line))]
    return {name: version for name, version in found if not name.startswith("ros-")}


def test_the_oldest_libraries_that_pyproject_allows_are_tested() -> None:
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text())["project"]
    lowest = versions(project["dependencies"] + project["optional-dependencies"]["rtx"], ">=")
    tested = versions((SOURCE / ".ci/jazzy_constraints.txt").read_text().splitlines(), "==")
    assert lowest.keys() == tested.keys()
    assert {name: version for name, version in tested.items() if not f"{version}.".startswith(f"{lowest[name]}.")} == {}
