# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Start near a known pose, for example of GNSS: tracking searches there first. Prints the first pose to use."""

import sys

from liploc_ros.client import ClientError, LocalizerClient, pose_prior


def main(x: float, y: float) -> None:
    """Restart tracking within 10 m of a position in the map frame [m], at any heading."""
    with LocalizerClient("localizer") as localizer, localizer.poses(timeout=20.0) as poses:
        localizer.wait()
        localizer.set_prior(pose_prior(x, y, sigma=10.0))
        pose = next(poses)
        print(f"x {pose.T_map_base[0, 3]:.1f} m, y {pose.T_map_base[1, 3]:.1f} m in the frame {pose.map_frame!r}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: start_near.py X Y")
    try:
        main(float(sys.argv[1]), float(sys.argv[2]))
    except ClientError as error:
        sys.exit(f"start_near: {error}")
