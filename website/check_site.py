# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Check that a built site loads nothing from other machines: no script, style, font, picture or frame.

    python -m website.check_site out/site

Links that a reader may follow are allowed.
"""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Annotated

import typer

LOADED_BY = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src"}
LOADING_RELATIONS = {
    "stylesheet",
    "icon",
    "preload",
    "prefetch",
    "preconnect",
    "dns-prefetch",
    "modulepreload",
    "manifest",
}
EXTERNAL = re.compile(r"^(https?:)?//", re.IGNORECASE)
IN_STYLE = re.compile(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\"')\s]+)", re.IGNORECASE)


class Loads(HTMLParser):
    """Collects what a page loads from other machines."""

    def __init__(self) -> None:
        super().__init__()
        self.external: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at a tag and its inline style."""
        values = {name: value or "" for name, value in attrs}
        loaded = [values.get(LOADED_BY.get(tag, ""), "")]
        if tag == "link" and LOADING_RELATIONS & set(values.get("rel", "").lower().split()):
            loaded.append(values.get("href", ""))
        self.external += [url for url in loaded if EXTERNAL.match(url)] + IN_STYLE.findall(values.get("style", ""))

    def handle_data(self, data: str) -> None:
        """Look at a style sheet within the page."""
        if self.get_starttag_text() == "<style>":
            self.external += IN_STYLE.findall(data)


def external_loads(site: Path) -> list[str]:
    """Return 'FILE: URL' for everything that the pages and style sheets of a site load from other machines."""
    found = []
    for page in sorted(site.rglob("*.html")):
        loads = Loads()
        loads.feed(page.read_text())
        found += [f"{page.relative_to(site)}: {url}" for url in loads.external]
    for sheet in sorted(site.rglob("*.css")):
        found += [f"{sheet.relative_to(site)}: {url}" for url in IN_STYLE.findall(sheet.read_text())]
    return found


def check_site(site: Annotated[Path, typer.Argument(help="Folder of the built site.")]) -> None:
    """Fail if a page loads something from another machine."""
    pages = len(list(site.rglob("*.html")))
    if not pages:
        typer.echo(f"{site}: no pages: build the site first, with make docs", err=True)
        raise typer.Exit(1)
    found = external_loads(site)
    for line in found:
        typer.echo(line, err=True)
    if found:
        typer.echo(f"{site}: {len(found)} loads from other machines in {pages} pages: remove them", err=True)
        raise typer.Exit(1)
    typer.echo(f"{site}: {pages} pages, which load nothing from other machines")


if __name__ == "__main__":
    typer.run(check_site)
