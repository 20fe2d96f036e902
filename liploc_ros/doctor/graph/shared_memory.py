# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The shared-memory segments of the processes that publish, as Fast DDS creates them.

Fast DDS writes the lower 16 bits of the process id into bytes 4 and 5 of a publisher's GID, and an id of the computer
into bytes 2 and 3. Its segments are files fastdds_* or fastrtps_* in /dev/shm, which the process maps. A process may
also map the segments of those that it receives from, so that only "at most this large" is certain.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rclpy.node import Node

PROCESSES = Path("/proc")
VENDOR_FAST_DDS = (0x01, 0x0F)
SEGMENT = re.compile(r"/dev/shm/(?:fastdds|fastrtps)_[0-9a-f]{16}$", re.MULTILINE)


def own_gid(node: Node) -> Sequence[int]:
    """Return the GID of a publisher of this process; empty without one."""
    infos: list[Any] = node.get_publishers_info_by_topic("/rosout")
    return next((info.endpoint_gid for info in infos if info.node_name == node.get_name()), ())


def segment_of_publisher(gid: Sequence[int], own: Sequence[int]) -> int | None:
    """Return the size of the largest segment that the process of a publisher maps [byte].

    None if it is on another computer, of another middleware, without shared memory, or not visible to this user.
    """
    values = tuple(gid)
    if len(values) < 6 or values[:2] != VENDOR_FAST_DDS or values[:4] != tuple(own)[:4]:
        return None
    low = values[4] | values[5] << 8
    sizes = [
        size
        for folder in PROCESSES.iterdir()
        if folder.name.isdecimal() and int(folder.name) & 0xFFFF == low
        for size in _segments(folder)
    ]
    return max(sizes, default=None)


def _segments(process: Path) -> list[int]:
    try:
        maps = (process / "maps").read_text()
        return [Path(name).stat().st_size for name in dict.fromkeys(SEGMENT.findall(maps))]
    except OSError:  # it has ended, or belongs to another user
        return []
