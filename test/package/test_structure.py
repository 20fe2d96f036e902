# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Rules on the size of files, folders and lines."""

import re
from pathlib import Path

import liploc_ros

PACKAGE = Path(liploc_ros.__file__).parent
SOURCE = Path(__file__).resolve().parents[2]
GENERATED = {"msg", "srv"}
MAX_LINES, MAX_MODULES, MAX_WIDTH = 300, 16, 120
OUTPUT = re.compile(r"^```text\n.*?^```$", re.S | re.M)

FILES = [file for file in PACKAGE.rglob("*.py") if file.relative_to(PACKAGE).parts[0] not in GENERATED]


def test_no_file_is_longer_than_300_lines() -> None:
    lines = {str(file.relative_to(PACKAGE)): len(file.read_text().splitlines()) for file in FILES}
    assert {file: count for file, count in lines.items() if count > MAX_LINES} == {}


def test_no_folder_has_more_than_16_modules() -> None:
    folders: dict[str, int] = {}
    for file in FILES:
        if file.name != "__init__.py":
            folder = str(file.parent.relative_to(PACKAGE))
            folders[folder] = folders.get(folder, 0) + 1
    assert {folder: count for folder, count in folders.items() if count > MAX_MODULES} == {}


def test_documentation_is_wrapped_at_120_columns() -> None:
    pages = [*SOURCE.glob("*.md"), SOURCE / "CHANGELOG.rst", *(SOURCE / "docs").rglob("*.md")]
    lines = [
        f"{page.name}: {line}"
        for page in pages
        for line in OUTPUT.sub("", page.read_text()).splitlines()
        if len(line) > MAX_WIDTH
    ]
    prose = [line for line in lines if not line.partition(": ")[2].startswith(("|", "    "))]
    assert prose == []  # tables, commands and their output are not wrapped
