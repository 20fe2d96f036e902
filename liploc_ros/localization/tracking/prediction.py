"""Places and headings at which tracked hypotheses expect the next image."""

import numpy as np

from liploc_ros.geometry import angle_difference
from liploc_ros.geometry.se2 import PoseSE2, compose
from liploc_ros.localization.tracking.mixture_filter import YAW, Belief
from liploc_ros.localization.tracking.view_likelihood import Resemblance
from liploc_ros.mapping import Candidate, LidarMap

MOST_HYPOTHESES = 5  # that are compared with an image whether or not the index finds them
MOST_PLACES = 4  # around each


def expected_candidates(
    belief: Belief, T_base_view: PoseSE2, resemblance: Resemblance, lidar_map: LidarMap
) -> list[Candidate]:
    """Return places and headings near where the most probable hypotheses expect a view.

    Args:
        belief: at the time of the image.
        T_base_view: (3,) where the camera is in the base frame, and the yaw along which its view is drawn.
        resemblance: knows where the places are.
        lidar_map: their map.
    """
    chosen = belief.order[:MOST_HYPOTHESES]
    cameras = compose(belief.state[chosen, :3], T_base_view)
    sigma = np.sqrt(np.linalg.eigvalsh(belief.covariance[chosen, :2, :2])[:, -1])
    reach = np.maximum(2 * sigma, 1.5 * lidar_map.manifest.config.place_spacing)
    away, places = resemblance.nearest(cameras, MOST_PLACES)
    hypothesis, rank = np.nonzero(away < reach[:, None])
    place = places[hypothesis, rank]
    turn = cameras[hypothesis, YAW] - resemblance.drawn_at[place, YAW]
    heading = np.abs(angle_difference(turn[:, None], resemblance.headings)).argmin(axis=1)
    return [Candidate(int(p), int(h), 0.0) for p, h in zip(place, heading, strict=True)]
