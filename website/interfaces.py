# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The reference of messages and services from their definitions."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from website.sources import REPOSITORY

INTRODUCTION = """# Messages and services

From the definitions in `msg/` and `srv/`. [Nodes](../nodes.md) tells which node publishes, offers or expects them.

"""
LINE = re.compile(
    r"(?P<type>[\w/]+(?:\[\w*\])?)\s+(?P<name>\w+)\s*(?:=\s*(?P<value>[^#\s]+))?\s*(?:#\s*(?P<comment>.*))?"
)


@dataclass
class Entry:
    """A field or a constant of a definition."""

    type_name: str
    name: str
    value: str | None
    meaning: str


@dataclass
class Part:
    """A message, or one half of a service."""

    description: str = ""
    entries: list[Entry] = field(default_factory=list)


def interfaces_page() -> str:
    """Return the page."""
    texts = [INTRODUCTION]
    for folder in ("msg", "srv"):
        for path in sorted((REPOSITORY / folder).glob(f"*.{folder}")):
            texts.append("".join(_section(path)))
    return "".join(texts)


def parse(definition: str) -> Part:
    """Return the entries of a definition. A comment before an entry holds for the entries up to the next empty line."""
    part, comments, shared = Part(), list[str](), ""
    for number, line in enumerate([*definition.splitlines(), ""]):
        if line.startswith("#"):
            comments.append(line.removeprefix("#").strip())
        elif not line.strip():
            is_first = not part.entries and not part.description and number and comments
            part.description, comments, shared = (" ".join(comments) if is_first else part.description), [], ""
        elif match := LINE.fullmatch(line.strip()):
            shared, comments = " ".join(comments) or shared, []
            meaning = match["comment"] or shared
            part.entries.append(Entry(match["type"], match["name"], match["value"], meaning))
        else:
            raise ValueError(f"{line!r}: neither a field nor a constant")
    return part


def _section(path: Path) -> Iterator[str]:
    yield f"## {path.stem}\n\n"
    halves = [parse(text) for text in path.read_text().split("---\n")]
    for half, title in zip(halves, ("Request", "Response") if len(halves) > 1 else ("",), strict=True):
        if half.description:
            yield f"{half.description}\n\n"
        if title:
            yield f"**{title}**\n\n"
        yield from _table("constant", "value", [e for e in half.entries if e.value is not None])
        yield from _table("field", "type", [e for e in half.entries if e.value is None])


def _table(first: str, second: str, entries: list[Entry]) -> Iterator[str]:
    if not entries:
        return
    yield f"| {first} | {second} | meaning |\n|---|---|---|\n"
    for entry in entries:
        shown = _linked(entry.type_name) if entry.value is None else f"{entry.value} ({entry.type_name})"
        yield f"| `{entry.name}` | {shown} | {entry.meaning.replace('|', '/')} |\n"
    yield "\n"


def _linked(type_name: str) -> str:
    """Return the type, with a link if it is one of this package."""
    base = type_name.partition("[")[0]
    if (REPOSITORY / "msg" / f"{base}.msg").exists():
        return f"[{base}](#{base.lower()}){type_name.removeprefix(base)}"
    return type_name
