"""Places and headings at which tracked hypotheses expect the next image."""

import numpy as np

from liploc_ros.geometry import angle_difference
from liploc_ros.localization.belief import YAW, Belief
from liploc_ros.localization.planar import Planar, compose
from liploc_ros.localization.resemblance import Resemblance
from liploc_ros.mapping import Candidate, LidarMap
from liploc_ros.mapping.place_index import heading_yaw

MOST_HYPOTHESES = 5  # that are compared with an image whether or not the index finds them
MOST_PLACES = 4  # around each


def expected_candidates(
    belief: Belief, T_base_view: Planar, resemblance: Resemblance, lidar_map: LidarMap
) -> list[Candidate]:
    """Return places and headings near where the most probable hypotheses expect a view.

    Args:
        belief: at the time of the image.
        T_base_view: (3,) where the camera is in the base frame, and the yaw along which its view is drawn.
        resemblance: knows where the places are.
        lidar_map: their map.
    """
    manifest = lidar_map.manifest
    yaws = heading_yaw(np.arange(lidar_map.index.headings), manifest.grid, manifest.stride, manifest.pool)
    found: list[Candidate] = []
    for i in belief.order[:MOST_HYPOTHESES]:
        camera = compose(belief.state[i, :3], T_base_view)
        sigma = float(np.sqrt(np.linalg.eigvalsh(belief.covariance[i, :2, :2])[-1]))
        reach = max(2 * sigma, 1.5 * manifest.config.place_spacing)
        for place in resemblance.near(camera, reach, MOST_PLACES):
            turn = camera[YAW] - resemblance.drawn_at[place, YAW]
            heading = int(np.argmin(np.abs(angle_difference(yaws, turn))))
            found.append(Candidate(int(place), heading, 0.0))
    return found
