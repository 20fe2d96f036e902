# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The reference of ``liploc`` from its typer application."""

import re

import typer
from typer.cli import get_docs_for_click

from liploc_ros.cli.main import app

INTRODUCTION = """# Command line

The help of `liploc` and of all its verbs, as `liploc VERB --help` prints it. Errors are one line on standard error, and
the exit status is then 1.

"""


def command_line_page() -> str:
    """Return the page."""
    command = typer.main.get_command(app)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command), name="liploc", title="CLI")
    _, _, text = text.partition("\n")  # its title
    text = re.sub(r"^\* `(--install-completion|--show-completion)`.*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^\* `(-h, )?--help`.*\n", "", text, flags=re.MULTILINE)
    return INTRODUCTION + re.sub(r"\*\*Options\*\*:\n\n(?!\*)", "", text)
