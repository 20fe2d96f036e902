# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The commands of the tutorial and of the recipes do what the pages say."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2]
BLOCK = re.compile(
    r"<!-- run(?P<fails>: fails)? -->\n(?P<code>(?: {4}[^\n]*\n)+)(?:\n```text\n(?P<output>.*?)```)?", re.S
)
LIPLOC = '#!/bin/sh\nexec "{python}" -m liploc_ros.cli.main "$@"\n'


def run_page(page, folder):
    """Run the marked commands of a page in a folder; those that must fail have to print what the page shows."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    if not (folder / "examples").exists():
        (folder / "examples").symlink_to(SOURCE / "examples")
    for name, text in {"liploc": LIPLOC, "python": '#!/bin/sh\nexec "{python}" "$@"\n'}.items():
        (programs / name).write_text(text.format(python=sys.executable))
        (programs / name).chmod(0o755)
    environment = os.environ | {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": f"{SOURCE}:{os.environ.get('PYTHONPATH', '')}",
    }
    blocks = list(BLOCK.finditer((SOURCE / "docs" / page).read_text()))
    for block in blocks:
        code = re.sub(r"^ {4}", "", block["code"], flags=re.M)
        done = subprocess.run(
            ["bash", "-e", "-c", code], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
        )
        printed = done.stdout + done.stderr
        if block["fails"]:
            assert done.returncode == 1, f"{page}: {code} succeeds"
            assert block["output"].strip().removeprefix("liploc: ") in printed.replace(f"{folder}/", ""), printed
        else:
            assert done.returncode == 0, f"{page}: {code}\n{printed}"
    return len(blocks)


@pytest.mark.slow
def test_the_commands_of_the_tutorial_and_the_recipes_run_as_printed(tmp_path):
    assert run_page("tutorial.md", tmp_path) >= 9
    assert run_page("recipes.md", tmp_path) >= 1
    assert (tmp_path / "map.png").stat().st_size > 10_000
