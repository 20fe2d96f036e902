# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Map a street: follows a running map builder until it has enough scans, pauses it, and saves the map."""

import sys

from liploc_ros.client import ClientError, MapBuilderClient


def main(path: str, keyframes: int) -> None:
    """Save the map to this folder of the map builder's computer once it has so many keyframes."""
    with MapBuilderClient("map_builder") as builder, builder.progress(timeout=10.0) as progress:
        builder.wait()
        for state in progress:
            print(f"{state.keyframes} keyframes along {state.path_length:.0f} m, {state.scans_dropped} scans dropped")
            if state.keyframes >= keyframes:
                break
        print(builder.pause())
        saved = builder.save_map(path)
        print(f"{saved.path}: {saved.places} places, {saved.size_bytes / 1e6:.1f} MB")
        print(builder.resume())


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: save_map.py OUT KEYFRAMES")
    try:
        main(sys.argv[1], int(sys.argv[2]))
    except ClientError as error:
        sys.exit(f"save_map: {error}")
