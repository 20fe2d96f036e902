# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Checks of the installation, the ROS graph, a map with its model and cameras, and the clock. See docs/doctor.md."""

from liploc_ros.doctor.examination import DoctorRequest, Examination
from liploc_ros.doctor.finding import Finding, Level
from liploc_ros.doctor.report import Report, examine

__all__ = ["DoctorRequest", "Examination", "Finding", "Level", "Report", "examine"]
