# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Start near a known pose, for example of GNSS: tracking searches there first. Prints the first pose to use."""

import sys

from liploc_ros.client import ClientError, LocalizerClient, pose_prior


def main(x: float, y: float, sigma: float) -> None:
    """Restart tracking near a position in the map frame [m], at any heading.

    If the vehicle is not there, the whole map is searched after the parameter prior_timeout, 30 s.
    """
    with LocalizerClient("localizer") as localizer:
        localizer.wait()
        localizer.set_prior(pose_prior(x, y, sigma=sigma))
        with localizer.poses(timeout=60.0) as poses:
            pose = next(poses)
        print(f"x {pose.T_map_base[0, 3]:.1f} m, y {pose.T_map_base[1, 3]:.1f} m in the frame {pose.map_frame!r}")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit("usage: start_near.py X Y [SIGMA]")
    try:
        main(*map(float, sys.argv[1:3]), sigma=float(sys.argv[3]) if len(sys.argv) > 3 else 10.0)
    except ClientError as error:
        sys.exit(f"start_near: {error}")
