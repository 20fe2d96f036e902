# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The pages of the documentation site that are generated. `make docs` builds the site and checks its links."""

import json
from pathlib import Path

import pytest

pytest.importorskip("website.changelog", reason="the tests run outside the source tree")

from typer.testing import CliRunner

from liploc_ros.cli.main import app
from website.changelog import changelog_as_markdown, release_notes
from website.check_site import external_loads
from website.command_line import command_line_page
from website.interfaces import interfaces_page, parse
from website.parameters import parameters_page
from website.project_pages import with_links_of_site

DOCS = Path(__file__).resolve().parents[2] / "docs"
DEFINITION = """# What it is.

# About both.
uint8 first
string second  # about this one

uint8 LIMIT=3  # a constant
geometry_msgs/Point[] third
"""


def test_comments_of_a_definition_are_those_of_its_fields():
    part = parse(DEFINITION)
    assert part.description == "What it is."
    assert [(e.name, e.type_name, e.value, e.meaning) for e in part.entries] == [
        ("first", "uint8", None, "About both."),
        ("second", "string", None, "about this one"),
        ("LIMIT", "uint8", "3", "a constant"),
        ("third", "geometry_msgs/Point[]", None, ""),
    ]


def test_the_page_of_interfaces_has_all_of_them_and_links_their_types():
    page = interfaces_page()
    definitions = [*DOCS.parent.glob("msg/*.msg"), *DOCS.parent.glob("srv/*.srv")]
    assert all(f"## {path.stem}\n" in page for path in definitions)
    assert "| `map_info` | [MapInfo](#mapinfo) |" in page


def test_the_page_of_parameters_has_those_of_all_nodes():
    page = parameters_page()
    assert "- **`tracking.localized_sigma`** * (double, default `2.0`, above 0): maximum standard" in page
    assert "- **`autosave_keyframes`** (" in page and "- **`rate`** (" in page


def test_the_page_of_the_command_line_has_every_verb_with_its_whole_summary():
    page, help_text = command_line_page(), CliRunner().invoke(app, ["--help"]).output
    verbs = [line.split()[0] for line in help_text.partition("Commands:")[2].splitlines() if line.strip()]
    assert len(verbs) > 10 and all(f"`liploc {verb}`" in page for verb in verbs if not verb.startswith("-"))
    assert "...\n" not in page.partition("## `liploc")[0].partition("**Commands**")[2]


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("[nodes](docs/nodes.md#prior)", "[nodes](../nodes.md#prior)"),
        ('<img src="docs/held_out.png">', '<img src="../held_out.png">'),
        ("[changes](CHANGELOG.rst)", "[changes](../project/changelog.md)"),
        ("[licence](LICENSE)", "licence"),
        ("[ROS](https://ros.org)", "[ROS](https://ros.org)"),
    ],
)
def test_links_of_the_repository_become_links_of_the_site(text, changed):
    assert with_links_of_site(text, "project/contributing.md") == changed


def test_the_changelog_becomes_markdown():
    text = "^^^^^\nTitle\n^^^^^\n\nForthcoming\n-----------\n\nMaps\n~~~~\n* A ``word``, and ``two\n  words``.\n"
    assert changelog_as_markdown(text).split("\n\n") == [
        "# Title",
        "## Forthcoming",
        "### Maps",
        "- A `word`, and `two words`.\n",
    ]


def test_the_notes_of_a_release_are_its_section():
    assert release_notes("Forthcoming").startswith("### ")
    with pytest.raises(LookupError, match=r"no section 9\.9\.9"):
        release_notes("9.9.9")


def test_a_page_that_loads_something_from_elsewhere_is_found(tmp_path):
    (tmp_path / "a.html").write_text('<a href="https://b.org">a link</a><script src="site.js"></script>')
    assert external_loads(tmp_path) == []
    (tmp_path / "a.html").write_text('<link rel="stylesheet" href="//b.org/a.css"><img src="https://b.org/a.png">')
    (tmp_path / "b.css").write_text("@import 'https://b.org/font.css';")
    assert external_loads(tmp_path) == [
        "a.html: //b.org/a.css",
        "a.html: https://b.org/a.png",
        "b.css: https://b.org/font.css",
    ]


def test_the_notebook_was_executed_and_has_no_errors():
    for path in (DOCS / "notebooks").glob("*.ipynb"):
        cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
        assert all(cell["execution_count"] for cell in cells)
        assert not [o for cell in cells for o in cell["outputs"] if o["output_type"] == "error"]
