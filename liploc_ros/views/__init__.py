# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Camera images and LiDAR scans resampled to the same angular grid."""

from liploc_ros.views.camera_view import CameraView, CameraViewer, Viewer, ViewError, WholeImageViewer
from liploc_ros.views.colours import colour_probability, colour_ranges
from liploc_ros.views.dynamic_removal import StaticScans
from liploc_ros.views.image_file import ImageError, decode_image, read_image
from liploc_ros.views.panorama import Panorama, PointsError, draw_panorama
from liploc_ros.views.scan import Scan
from liploc_ros.views.scan_content import check_points, has_reflectance
from liploc_ros.views.virtual_view import draw_virtual_view

__all__ = [
    "CameraView",
    "CameraViewer",
    "ImageError",
    "Panorama",
    "PointsError",
    "Scan",
    "StaticScans",
    "ViewError",
    "Viewer",
    "WholeImageViewer",
    "check_points",
    "colour_probability",
    "colour_ranges",
    "decode_image",
    "draw_panorama",
    "draw_virtual_view",
    "has_reflectance",
    "read_image",
]
