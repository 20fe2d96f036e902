# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Small bags for tests."""

from pathlib import Path
from typing import Any

from liploc_ros.datasets.bag.writer import BagWriter


def write_bag(path: Path, items: list[tuple[str, int, Any]]) -> Path:
    """Write messages as (topic, stamp [ns], message) to an .mcap file and return its path."""
    with BagWriter(path) as bag:
        for topic in dict.fromkeys(topic for topic, _, _ in items):
            msgtype = next(msg.__msgtype__ for name, _, msg in items if name == topic)
            bag.add_topic(topic, msgtype)
        for topic, stamp, msg in items:
            bag.write(topic, stamp, msg)
    return path
