# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Triangles of the shapes in the scene."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

THICKNESS = 0.08
CORNERS = 48  # of an ellipse


class Mesh(NamedTuple):
    """``vertices`` (V, 3) and ``faces`` (F, 3)."""

    vertices: NDArray[np.float32]
    faces: NDArray[np.uint32]


def arrow() -> Mesh:
    """Return a flat arrow of length 1 from the origin along x."""
    outline = [(0, -0.12), (0.58, -0.12), (0.58, -0.3), (1, 0), (0.58, 0.3), (0.58, 0.12), (0, 0.12)]
    count = len(outline)
    lower = np.column_stack([np.array(outline), np.zeros(count)])
    top = np.array([[0, 1, 5], [0, 5, 6], [2, 3, 4]])
    sides = []
    for corner in range(count):
        following = (corner + 1) % count
        sides += [[corner, following, following + count], [corner, following + count, corner + count]]
    faces = np.concatenate([top + count, top[:, ::-1], sides])
    vertices = np.concatenate([lower, lower + np.array([0, 0, THICKNESS])])
    return Mesh(vertices.astype(np.float32), faces.astype(np.uint32))


def disc() -> Mesh:
    """Return a flat disc of radius 1 around the origin."""
    angles = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    rim = np.column_stack([np.cos(angles), np.sin(angles), np.zeros(CORNERS)])
    corners = np.arange(1, CORNERS + 1)
    faces = np.column_stack([np.zeros(CORNERS), corners, np.roll(corners, -1)])
    return Mesh(np.concatenate([np.zeros((1, 3)), rim]).astype(np.float32), faces.astype(np.uint32))
