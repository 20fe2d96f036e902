# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The notebooks of docs/notebooks as pages. They are executed first, so that a notebook that fails ends the build."""

import os
from functools import cache
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbconvert import MarkdownExporter
from traitlets.config import Config

from website.sources import DOCS, REPOSITORY

TIMEOUT = 300  # s, of a cell
WITHOUT_NETWORK = Config({"KernelManager": {"transport": "ipc"}})
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # as `limit_threads` does in programs


def notebook_pages() -> dict[str, str | bytes]:
    """Return the pages and their pictures by path."""
    pages: dict[str, str | bytes] = {}
    for path in sorted((DOCS / "notebooks").glob("*.ipynb")):
        pages |= _page(path)
    return pages


def execute(path: Path) -> nbformat.NotebookNode:
    """Return a notebook with the results of its cells, which run in the folder of the repository.

    Raises:
        CellExecutionError: a cell fails.
    """
    notebook = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": str(REPOSITORY)}}
    client = NotebookClient(notebook, timeout=TIMEOUT, resources=where, config=WITHOUT_NETWORK)
    client.execute(env={**os.environ, **ONE_THREAD})
    for cell in notebook.cells:  # times would make every execution differ
        cell.metadata.pop("execution", None)
    return notebook


@cache
def _page(path: Path) -> dict[str, str | bytes]:
    exporter = MarkdownExporter()
    text, resources = exporter.from_notebook_node(execute(path))
    pictures = {}
    for name, content in resources["outputs"].items():
        text = text.replace(f"]({name})", f"]({path.stem}_{name})")
        pictures[f"notebooks/{path.stem}_{name}"] = content
    note = f"\n*This page is the notebook [{path.name}]({path.name}), executed when the site was built.*\n"
    title, _, body = text.strip().partition("\n")
    return {f"notebooks/{path.stem}.md": f"{title}\n{note}{body}\n", **pictures}


if __name__ == "__main__":  # executes the notebooks in place: python -m website.notebooks
    for notebook in sorted((DOCS / "notebooks").glob("*.ipynb")):
        nbformat.write(execute(notebook), notebook)
