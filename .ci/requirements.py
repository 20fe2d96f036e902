# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Print the [build-system] requires of pyproject.toml, one per line."""

from pathlib import Path

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

pyproject = Path(__file__).parent.parent / "pyproject.toml"
print("\n".join(tomllib.loads(pyproject.read_text())["build-system"]["requires"]))
