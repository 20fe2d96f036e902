# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""rclpy, the messages of this package, and the environment of ROS 2."""

import importlib
import os
from collections.abc import Iterable, Mapping
from importlib import metadata

from liploc_ros.doctor.examination import Examination
from liploc_ros.doctor.finding import Finding, error, ok, warn

DISTRIBUTIONS = {7: "jazzy", 9: "kilted"}
"""By the major version of rclpy."""
MAX_DOMAIN, MAX_SAFE_DOMAIN = 232, 101
BUILD = "pip install . in the environment that has ROS 2, or colcon build and source install/setup.bash"


def check_ros(examination: Examination) -> Iterable[Finding]:
    """Load rclpy and the messages, and look at the environment."""
    try:
        importlib.import_module("rclpy")
    except ImportError as failure:
        yield warn(
            f"rclpy cannot be imported ({failure}): only the library and recordings work, no nodes",
            "source /opt/ros/DISTRO/setup.bash, or pip install .",
        )
        return
    distribution = DISTRIBUTIONS.get(rclpy_major(), "")
    yield from check_environment(os.environ, distribution)
    try:
        messages = importlib.import_module("liploc_ros.msg")
        importlib.import_module("liploc_ros.srv")
        messages.Belief.__class__.__import_type_support__()
        has_support = messages.Belief.__class__._TYPE_SUPPORT is not None
        reason = "their type support cannot be loaded: they were built for another distribution"
    except Exception as failure:  # a library that does not fit may raise anything
        has_support, reason = False, " ".join(str(failure).split())
    if not has_support:
        yield error(f"the messages of liploc_ros cannot be used ({reason})", BUILD)
        return
    middleware = os.environ.get("RMW_IMPLEMENTATION") or "default middleware"
    domain = os.environ.get("ROS_DOMAIN_ID") or "0"
    yield ok(
        f"{(distribution or 'distribution not known').capitalize()}, {middleware}, ROS_DOMAIN_ID {domain}, messages"
    )
    if importlib.util.find_spec("tf2_msgs") is None:
        yield warn(
            "tf2_msgs is not installed: transforms on /tf and /tf_static are not received",
            "set the parameter sensor_mounts, or apt install ros-$ROS_DISTRO-tf2-msgs",
        )


def check_environment(environment: Mapping[str, str], distribution: str) -> Iterable[Finding]:
    """Check the variables of ROS 2; ``distribution`` is that of rclpy, empty if not known."""
    sourced = environment.get("ROS_DISTRO", "")
    if sourced and distribution and sourced != distribution:
        yield error(
            f"ROS_DISTRO is {sourced}, but Python finds rclpy of {distribution}",
            "use a shell in which only one of the two is sourced or activated",
        )
    domain = environment.get("ROS_DOMAIN_ID", "")
    if domain and not (domain.isdecimal() and int(domain) <= MAX_DOMAIN):
        yield error(f"ROS_DOMAIN_ID={domain} is no number from 0 to {MAX_DOMAIN}", "unset it, or choose a number")
    elif domain and int(domain) > MAX_SAFE_DOMAIN:
        yield warn(f"ROS_DOMAIN_ID={domain} may use ports of other programs", f"choose 0 to {MAX_SAFE_DOMAIN}")
    if environment.get("ROS_LOCALHOST_ONLY"):
        yield warn(
            "ROS_LOCALHOST_ONLY is set, which overrides ROS_AUTOMATIC_DISCOVERY_RANGE",
            "unset it, and set ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST if that is meant",
        )


def rclpy_major() -> int:
    """Return the major version of rclpy; 0 if it is not known."""
    try:
        return int(metadata.version("rclpy").partition(".")[0])
    except (metadata.PackageNotFoundError, ValueError):
        return 0
