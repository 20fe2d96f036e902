# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Drive into another area: loads another map into a running localizer, and prints its health."""

import sys

from liploc_ros.client import ClientError, LocalizerClient


def main(path: str) -> None:
    """Load the map in this folder of the localizer's computer."""
    with LocalizerClient("localizer") as localizer:
        before = localizer.wait()
        lidar_map = localizer.load_map(path)
        print(f"map {before.map_id[:12]} -> {lidar_map.map_id[:12]}: {lidar_map.places} places, {lidar_map.datum}")
        for item in localizer.status().items:
            print(f"{item.level:5} {item.name}: {item.message}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: change_map.py MAP")
    try:
        main(sys.argv[1])
    except ClientError as error:
        sys.exit(f"change_map: {error}")
