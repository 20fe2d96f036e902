"""Where the files lie that are installed beside the package: launch, config, rviz, and the excerpt for the demo."""

from pathlib import Path

from liploc_ros.errors import LiplocError


class ShareError(LiplocError):
    """A file that belongs to the package is not there."""


def share_folder() -> Path:
    """Return the folder that a ROS 2 installation names share/liploc_ros, without asking ROS 2.

    In a source tree, of which an editable installation works, it is the root of the tree, which is arranged alike.

    Raises:
        ShareError: the package was copied without it.
    """
    package = Path(__file__).parent  # not resolved: colcon build --symlink-install links each module to its source
    candidates = [package.parent, *(parent / "share" / "liploc_ros" for parent in package.parents)]
    for candidate in candidates:
        if (candidate / "package.xml").is_file() and (candidate / "launch").is_dir():
            return candidate
    raise ShareError(f"no share/liploc_ros belongs to {package}: install with pip install . or colcon build")
