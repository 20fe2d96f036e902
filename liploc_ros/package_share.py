# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The folder of the installed launch, config and rviz files and of the demo recording."""

from pathlib import Path

from liploc_ros.errors import LiplocError


class ShareError(LiplocError):
    """The installed files of the package cannot be found."""


def share_folder() -> Path:
    """Return ``share/liploc_ros`` of a ROS 2 prefix, found without ROS 2.

    In a source tree or an editable installation it is the root of the source tree, which has the same layout.

    Raises:
        ShareError: the package was copied without its share folder.
    """
    package = Path(__file__).parent  # not resolved: colcon build --symlink-install links each module to its source
    candidates = [package.parent, *(parent / "share" / "liploc_ros" for parent in package.parents)]
    for candidate in candidates:
        if (candidate / "package.xml").is_file() and (candidate / "launch").is_dir():
            return candidate
    raise ShareError(
        f"no share/liploc_ros was found for {package}: install the package with pip install . or colcon build"
    )
