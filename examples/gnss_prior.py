# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Localize the first image of a bag near a GNSS fix, which tells the position to some metres and no heading.

    python examples/gnss_prior.py MAP BAG X Y SIGMA

X, Y and SIGMA [m] are the fix in the frame of the map and its standard deviation.
"""

import sys
from pathlib import Path

import numpy as np

from liploc_ros import LidarMap, Localizer, ModelBundle, open_drive
from liploc_ros.geometry import yaw_of
from liploc_ros.localization.prior import PosePrior

if len(sys.argv) != 6:
    sys.exit(__doc__)
map_path, bag, (x, y, sigma) = Path(sys.argv[1]), Path(sys.argv[2]), map(float, sys.argv[3:])
bundle = ModelBundle.load()
localizer = Localizer(LidarMap.load(map_path, bundle), bundle)
drive = open_drive(bag, needs=("images",))
frame = next(drive.images())
name, read_image = next(iter(frame.images.items()))
any_heading = np.pi**2
prior = PosePrior(np.array([x, y, 0.0]), np.diag([sigma**2, sigma**2, any_heading]))
for title, given in (("whole map", None), ("near the fix", prior)):
    result = localizer.localize(read_image(), drive.cameras[name], frame.stamp_ns, given)
    for hypothesis in result.hypotheses[:3]:
        T = hypothesis.T_map_base
        print(
            f"{title}: {result.status.name}, x {T[0, 3]:.1f} m, y {T[1, 3]:.1f} m, heading {np.rad2deg(yaw_of(T)):.0f} "
            f"degrees, probability {hypothesis.probability:.3f}"
        )
