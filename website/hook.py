# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Hook of MkDocs (mkdocs.yml): add the pages that are generated from the sources to those of docs/."""

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from website.command_line import command_line_page
from website.interfaces import interfaces_page
from website.notebooks import notebook_pages
from website.parameters import parameters_page
from website.project_pages import project_pages


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the generated pages and their pictures."""
    pages: dict[str, str | bytes] = {
        "reference/interfaces.md": interfaces_page(),
        "reference/parameters.md": parameters_page(),
        "reference/cli.md": command_line_page(),
        **project_pages(),
        **notebook_pages(),
    }
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
