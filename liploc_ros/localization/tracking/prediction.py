# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Places and headings at which tracked hypotheses predict the next view."""

import numpy as np

from liploc_ros.geometry import angle_difference
from liploc_ros.geometry.se2 import PoseSE2, compose, difference
from liploc_ros.localization.tracking.mixture_filter import YAW, MixtureFilter
from liploc_ros.localization.tracking.view_likelihood import ViewLikelihood
from liploc_ros.mapping import Candidate

MAX_HYPOTHESES = 5  # whose predictions are compared with an image, whether the search finds them or not
MAX_PLACES = 4  # around each prediction


def predicted_candidates(
    mixture: MixtureFilter, T_base_view: PoseSE2, likelihood: ViewLikelihood, place_spacing: float
) -> list[Candidate]:
    """Return the places and headings near the views that the most probable hypotheses predict.

    Args:
        mixture: the hypotheses at the time of the image.
        T_base_view: (3,) pose of the view in the base frame.
        likelihood: knows the poses of the places.
        place_spacing: of the map [m].
    """
    chosen = mixture.ranking[:MAX_HYPOTHESES]
    views = compose(mixture.state[chosen, :3], T_base_view)
    sigma = np.sqrt(np.linalg.eigvalsh(mixture.covariance[chosen, :2, :2])[:, -1])
    max_distance = np.maximum(2 * sigma, 1.5 * place_spacing)
    distance, places = likelihood.nearest_places(views, MAX_PLACES)
    hypothesis, rank = np.nonzero(distance < max_distance[:, None])
    place = places[hypothesis, rank]
    yaw = views[hypothesis, YAW] - likelihood.view_poses[place, YAW]
    heading = np.abs(angle_difference(yaw[:, None], likelihood.heading_yaws)).argmin(axis=1)
    return [Candidate(int(p), int(h), 0.0) for p, h in zip(place, heading, strict=True)]


def nearby_candidates(
    mixture: MixtureFilter, T_base_view: PoseSE2, likelihood: ViewLikelihood, radius: tuple[float, float]
) -> list[Candidate]:
    """Return the places around the most probable hypothesis, each with the heading of the view.

    Args:
        mixture: the hypotheses at the time of the image.
        T_base_view: (3,) pose of the view in the base frame.
        likelihood: knows the poses of the places.
        radius: half axes of the ellipse of the places, along the path and across it [m].
    """
    view = compose(mixture.state[mixture.ranking[0], :3], T_base_view)
    places = likelihood.places_within(view, radius[0])
    (x, y, _), yaw = difference(likelihood.view_poses[places], view).T, likelihood.view_poses[places, YAW]
    along, across = np.cos(yaw) * x + np.sin(yaw) * y, np.cos(yaw) * y - np.sin(yaw) * x
    places = places[np.hypot(along / radius[0], across / radius[1]) <= 1]
    yaw = view[YAW] - likelihood.view_poses[places, YAW]
    heading = np.abs(angle_difference(yaw[:, None], likelihood.heading_yaws)).argmin(axis=1)
    return [Candidate(int(p), int(h), 0.0) for p, h in zip(places, heading, strict=True)]
