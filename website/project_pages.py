# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The README and the other files of the repository's root as pages of the site."""

import re

from website.changelog import changelog_as_markdown
from website.sources import DOCS, REPOSITORY

# Page of the site by file of the repository.
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "QUALITY_DECLARATION.md": "project/quality_declaration.md",
    "CHANGELOG.rst": "project/changelog.md",
}
LINK = re.compile(r"(\]\(|src=\"|href=\")(?!https?:|#|mailto:)([^)#\"\s]+)")
LINK_TO_FILE = re.compile(r"\[([^\]]+)\]\((?!https?:|#)([^)]+)\)")


def project_pages() -> dict[str, str | bytes]:
    """Return the pages by path."""
    pages: dict[str, str | bytes] = {}
    for file, page in PAGES.items():
        text = (REPOSITORY / file).read_text()
        pages[page] = changelog_as_markdown(text) if file.endswith(".rst") else with_links_of_site(text, page)
    return pages


def with_links_of_site(text: str, page: str) -> str:
    """Return the text with links from the root of the repository changed to those of a page of the site.

    Links to files that the site does not have, such as LICENSE, become their text.
    """
    up = "../" * page.count("/")

    def is_on_site(target: str) -> bool:
        return target in PAGES or (target.startswith("docs/") and (REPOSITORY / target).exists())

    def unlinked(match: re.Match[str]) -> str:
        return match[0] if is_on_site(match[2].partition("#")[0]) else f"{match[1]}"

    def changed(match: re.Match[str]) -> str:
        target = match[2]
        return f"{match[1]}{up}{PAGES.get(target, target.removeprefix(f'{DOCS.name}/'))}"

    return LINK.sub(changed, LINK_TO_FILE.sub(unlinked, text))
