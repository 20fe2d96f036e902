# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""CHANGELOG.rst as Markdown, and the notes of a release.

python -m website.changelog 0.1.0        # the section of a version; Forthcoming: what is not released yet
"""

import re
from itertools import pairwise
from typing import Annotated

import typer

from website.sources import REPOSITORY

CHANGELOG = REPOSITORY / "CHANGELOG.rst"
LEVELS = {"^": "#", "-": "##", "~": "###"}


def changelog_as_markdown(text: str) -> str:
    """Return the changelog: headings, lists and code of reStructuredText as those of Markdown."""
    lines = [line for line in text.splitlines() if not re.fullmatch(r"\^{3,}", line)]
    result = [f"# {lines[0]}"]
    for line, following in pairwise([*lines[1:], ""]):
        is_heading = re.fullmatch(r"[-~]{3,}", following) and len(following) >= len(line) > 0
        if is_heading:
            result.append(f"{LEVELS[following[0]]} {line}\n")
        elif not re.fullmatch(r"[-~]{3,}", line):
            result.append(re.sub(r"^\* ", "- ", line))
    whole = re.sub(r"``([^`]+?)``", lambda code: f"`{' '.join(code[1].split())}`", "\n".join(result))
    return re.sub(r"\n{3,}", "\n\n", whole).strip() + "\n"


def release_notes(version: str) -> str:
    """Return the section of a version.

    Raises:
        LookupError: there is none.
    """
    section = re.search(
        rf"^## {re.escape(version)}\b[^\n]*\n(.*?)(?=^## |\Z)",
        changelog_as_markdown(CHANGELOG.read_text()),
        flags=re.MULTILINE | re.DOTALL,
    )
    if section is None:
        raise LookupError(f"CHANGELOG.rst: no section {version}: name a version, or Forthcoming")
    return section[1].strip() + "\n"


def main(version: Annotated[str, typer.Argument(help="Version, such as 0.1.0.")]) -> None:
    """Print the notes of a release."""
    try:
        typer.echo(release_notes(version.removeprefix("v")), nl=False)
    except LookupError as error:
        typer.echo(str(error.args[0]), err=True)
        raise typer.Exit(1) from error


if __name__ == "__main__":
    typer.run(main)
