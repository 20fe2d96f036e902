# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""`make test-jazzy` tests the lower bounds in pyproject.toml."""

import re
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]


def versions(text: str, comparison: str) -> dict[str, str]:
    """Return the version of each distribution that does not belong to ROS 2."""
    found = re.findall(rf'^[ "]*([\w.-]+){comparison}([\d.]+)', text, flags=re.MULTILINE)
    return {name: version for name, version in found if not name.startswith("ros-")}


def test_the_oldest_libraries_that_pyproject_allows_are_tested() -> None:
    dependencies = (SOURCE / "pyproject.toml").read_text().split("\ndependencies = [")[1].split("\n]")[0]
    tested = versions((SOURCE / ".ci/jazzy_constraints.txt").read_text(), "==")
    lowest = versions(dependencies, ">=")
    assert lowest.keys() == tested.keys()
    assert {name: version for name, version in tested.items() if not f"{version}.".startswith(f"{lowest[name]}.")} == {}
