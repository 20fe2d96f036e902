# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Every source file has a copyright statement and an SPDX licence identifier."""

from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
SOURCES = ("benchmarks", "launch", "liploc_ros", "test", "website")
HEADER = ["# Copyright 2026 liploc_ros contributors", "# SPDX-License-Identifier: Apache-2.0"]
GENERATED = [SOURCE / "liploc_ros" / name for name in ("msg", "srv")]


def source_files() -> list[Path]:
    python = [file for name in SOURCES for file in (SOURCE / name).rglob("*.py")]
    others = [SOURCE / name for name in ("setup.py", "CMakeLists.txt", "Makefile", "mkdocs.yml", "docker/Dockerfile")]
    files = [*python, *others, *(SOURCE / "cmake").iterdir(), *(SOURCE / ".ci").iterdir()]
    return [file for file in files if file.is_file() and not any(file.is_relative_to(g) for g in GENERATED)]


def test_every_source_file_has_a_copyright_statement_and_a_licence() -> None:
    first_lines = {str(file.relative_to(SOURCE)): file.read_text().splitlines()[:3] for file in source_files()}
    assert len(first_lines) > 300
    assert [name for name, lines in first_lines.items() if HEADER not in (lines[:2], lines[1:])] == []
