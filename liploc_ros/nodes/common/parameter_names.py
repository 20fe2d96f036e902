# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Names of parameters that a node does not have: misspelt ones are errors, those of other nodes are ignored.

ROS itself ignores unknown parameters, so a misspelt one would have no effect. A key below ``/**:`` of a shared YAML
file reaches every node, and a node cannot see where a value was given: only the name tells whether it was meant.
"""

import difflib
from collections.abc import Collection, Iterable

NAMES_OF_EVERY_NODE = ("use_sim_time", "start_type_description_service")
PREFIXES_OF_EVERY_NODE = ("qos_overrides.",)
MIN_SIMILARITY_OF_MISSPELT = 0.85
"""Similarity of difflib from which a name is a misspelt one; publish_rate, of another node, is 0.82 to publish_tf."""
MIN_SIMILARITY_OF_HINT = 0.5
MIN_SIMILARITY_OF_HINT_IF_IGNORED = 0.75  # most of these names are of other nodes


def unknown_names(given: Iterable[str], known: Collection[str]) -> list[str]:
    """Return the names that neither this node nor every node of ROS 2 has."""
    return [
        name
        for name in given
        if name not in known and name not in NAMES_OF_EVERY_NODE and not name.startswith(PREFIXES_OF_EVERY_NODE)
    ]


def is_misspelt(name: str, known: Collection[str]) -> bool:
    """Return whether an unknown name is meant for this node: similar to a known one, or without its group."""
    group = name.rpartition(".")[0]
    is_own_group = not group or any(other.startswith(f"{group}.") for other in known)
    return (is_own_group and bool(_elsewhere(name, known))) or bool(
        difflib.get_close_matches(name, known, 1, MIN_SIMILARITY_OF_MISSPELT)
    )


def hint(name: str, known: Collection[str]) -> str:
    """Return what an unknown name probably means: one in another group, a whole group, or the nearest name."""
    meant = _elsewhere(name, known) or difflib.get_close_matches(name, known, 1, MIN_SIMILARITY_OF_HINT)
    return f"did you mean {' or '.join(meant)}?" if meant else "the parameters are listed in docs/nodes.md"


def name_with_hint(name: str, known: Collection[str]) -> str:
    """Return an ignored name, with the nearest known one if that is similar."""
    similar = difflib.get_close_matches(name, known, 1, MIN_SIMILARITY_OF_HINT_IF_IGNORED)
    return f"{name} (did you mean {similar[0]}?)" if similar else name


def _elsewhere(name: str, known: Collection[str]) -> list[str]:
    """Return the known names with the same last part in other groups, or the switch of a group with this name."""
    last = name.rpartition(".")[2]
    same_last_part = [other for other in known if other.rpartition(".")[2] == last]
    return same_last_part or [other for other in known if other == f"{name}.enabled"]
