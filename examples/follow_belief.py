# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Follow the vehicle: prints the state of tracking after each image, until it is localized or 200 images are over."""

import sys
from itertools import islice

from liploc_ros.client import ClientError, LocalizerClient, TrackingState


def main() -> None:
    """Print beliefs."""
    with LocalizerClient("localizer") as localizer:
        localizer.wait()
        with localizer.beliefs(timeout=10.0) as beliefs:
            for belief in islice(beliefs, 200):
                where = "no hypothesis"
                if belief.best is not None:
                    x, y, _ = belief.best.T_map_base[:3, 3]
                    where = f"x {x:.1f} m, y {y:.1f} m with probability {belief.best.probability:.2f}"
                print(f"{belief.stamp_ns / 1e9:.2f} s {belief.state.name}: {where}")
                if belief.state is TrackingState.LOCALIZED:
                    return


if __name__ == "__main__":
    try:
        main()
    except ClientError as error:
        sys.exit(f"follow_belief: {error}")
