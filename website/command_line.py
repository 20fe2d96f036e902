# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The reference of ``liploc`` from its typer application."""

import re
from collections.abc import Iterator
from typing import Any

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
    context = typer.Context(command)
    text = get_docs_for_click(obj=command, ctx=context, name="liploc", title="CLI")
    for name, verb in _verbs(command, context):
        cut = f"* `{name}`: {verb.get_short_help_str()}\n"
        text = text.replace(cut, f"* `{name}`: {verb.get_short_help_str(limit=200)}\n")
    _, _, text = text.partition("\n")  # its title
    text = re.sub(r"^\* `(--install-completion|--show-completion)`.*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^\* `(-h, )?--help`.*\n", "", text, flags=re.MULTILINE)
    return INTRODUCTION + re.sub(r"\*\*Options\*\*:\n\n(?!\*)", "", text)


def _verbs(group: Any, context: typer.Context) -> Iterator[tuple[str, Any]]:
    """Yield the names and commands of a group and of the groups in it."""
    for name in group.list_commands(context):
        verb = group.get_command(context, name)
        yield name, verb
        if hasattr(verb, "list_commands"):
            yield from _verbs(verb, context)
