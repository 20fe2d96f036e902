# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Sections of documentation pages that a command writes."""

from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"


def write_section(page: str, name: str, text: str) -> Path:
    """Replace the text between ``<!-- NAME -->`` and ``<!-- end of NAME -->`` on a page, and return its path."""
    path = DOCS / page
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, _, rest = path.read_text().partition(begin)
    _, _, after = rest.partition(end)
    path.write_text(f"{before}{begin}{text.rstrip()}\n{end}{after}")
    return path
