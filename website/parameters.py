# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The reference of parameters from the tables that the nodes declare them with."""

from collections.abc import Iterator
from itertools import groupby

from pydantic import BaseModel

from liploc_ros.nodes.bag_player.parameters import BagPlayerParameters
from liploc_ros.nodes.common.parameter_table import ParameterSpec, parameters_of
from liploc_ros.nodes.localizer.parameters import RUNTIME_PARAMETERS, LocalizerParameters
from liploc_ros.nodes.map_builder.parameters import MapBuilderParameters

INTRODUCTION = """# Parameters

All parameters of the nodes by group, from the tables that the nodes declare them with. A star marks those that can
change while the localizer is configured; the others are fixed. [Nodes](../nodes.md) explains how they work together,
and how they are set.

"""
NODES: dict[str, type[BaseModel]] = {
    "localizer": LocalizerParameters,
    "map_builder": MapBuilderParameters,
    "bag_player": BagPlayerParameters,
}


def parameters_page() -> str:
    """Return the page."""
    return INTRODUCTION + "".join(line for node, table in NODES.items() for line in _node(node, table))


def _node(node: str, table: type[BaseModel]) -> Iterator[str]:
    yield f"## {node}\n\n"
    changeable = RUNTIME_PARAMETERS if node == "localizer" else frozenset[str]()
    for group, specs in groupby(parameters_of(table), key=lambda spec: spec.name.rpartition(".")[0]):
        if group:
            yield f"### {node}: {group}\n\n"
        for spec in specs:
            yield _entry(spec, spec.name in changeable)
        yield "\n"


def _entry(spec: ParameterSpec, is_changeable: bool) -> str:
    details = [spec.type_name, f"default `{_shown(spec.default)}`", *([spec.range_text] if spec.range_text else [])]
    return f"- **`{spec.name}`**{' *' if is_changeable else ''} ({', '.join(details)}): {spec.field.description}\n"


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value).replace("'", '"')
