# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The README is short, and what it shows and links to exists."""

import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
README = SOURCE / "README.md"
PAGES = [README, *sorted((SOURCE / "docs").glob("*.md"))]
MAX_LINES, MAX_BYTES = 120, 3_000_000


def heading_id(heading: str) -> str:
    """Return the anchor of a heading, as GitHub and MkDocs make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_the_readme_is_short():
    assert len(README.read_text().splitlines()) <= MAX_LINES


def test_the_animation_is_small_and_animated():
    data = (SOURCE / "docs" / "images" / "convergence.webp").read_bytes()
    assert len(data) <= MAX_BYTES
    assert data.count(b"ANMF") > 10


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_to_files_and_headings_of_the_repository_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), target
        headings = re.findall(r"^#+ (.+)$", linked.read_text(), flags=re.MULTILINE) if anchor else []
        assert not anchor or anchor in map(heading_id, headings), target
