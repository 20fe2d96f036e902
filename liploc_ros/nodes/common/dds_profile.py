# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The Fast DDS profile for large messages: a shared-memory segment that is larger than an image. See docs/dds.md.

Launch files use this module too: it imports nothing of ROS.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from liploc_ros.package_share import share_folder

PROFILE = "config/fastdds_large_messages.xml"
PROFILE_VARIABLES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
"""Read by Fast DDS 3 (ROS 2 Kilted and later), and by Fast DDS 2 (Jazzy and earlier)."""
KILTED_RCLPY = 9  # major version
USER_VARIABLES = (*PROFILE_VARIABLES, "FASTDDS_BUILTIN_TRANSPORTS")
USER_FILES = ("DEFAULT_FASTDDS_PROFILES.xml", "DEFAULT_FASTRTPS_PROFILES.xml")  # read from the current folder
FAST_DDS = "rmw_fastrtps"  # the default of ROS 2
SHARED_MEMORY = Path("/dev/shm")
MIN_FREE_BYTES = 4 * 33_554_432  # segments of player, localizer, RViz and one more


@dataclass(frozen=True)
class DdsProfile:
    """The choice: environment variables to set, none if the profile is not used, and the reason in one line."""

    reason: str
    variables: Mapping[str, str] = field(default_factory=dict)


def choose_profile(environment: Mapping[str, str] = os.environ) -> DdsProfile:
    """Return the profile for processes with this environment. What the user has set takes precedence.

    Raises:
        ShareError: the files of the package are not installed.
    """
    path = share_folder() / PROFILE
    middleware = environment.get("RMW_IMPLEMENTATION", "")
    if middleware and not middleware.startswith(FAST_DDS):
        return DdsProfile(f"DDS: {middleware} is used, {path.name} is for Fast DDS")
    for name in USER_VARIABLES:
        if environment.get(name):
            return DdsProfile(f"DDS: {name}={environment[name]} is used")
    for file in USER_FILES:
        if Path(file).exists():
            return DdsProfile(f"DDS: {file} in the current folder is used")
    free = shutil.disk_usage(SHARED_MEMORY).free if SHARED_MEMORY.is_dir() else 0
    if free < MIN_FREE_BYTES:
        return DdsProfile(
            f"DDS: {path.name} is not used, {SHARED_MEMORY} has {free / 1e6:.0f} MB free and "
            f"{MIN_FREE_BYTES / 1e6:.0f} MB are needed: start the container with --ipc=host or a larger --shm-size"
        )
    return DdsProfile(f"DDS: {path} is used", {profile_variable(): str(path)})


def profile_variable() -> str:
    """Return the variable to set: Kilted warns of the old one, Jazzy does not read the new one."""
    try:
        major = int(metadata.version("rclpy").partition(".")[0])
    except (metadata.PackageNotFoundError, ValueError):
        major = KILTED_RCLPY
    return PROFILE_VARIABLES[major < KILTED_RCLPY]


def use_profile() -> str:
    """Set the variables of the profile for this process and its children, before rclpy.init; returns the reason."""
    profile = choose_profile()
    os.environ.update(profile.variables)
    return profile.reason
