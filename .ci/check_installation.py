# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Check an installation: check_installation.py PREFIX. Run it outside the source tree."""

import importlib
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import rclpy
from ament_index_python.packages import get_package_share_directory
from rclpy.serialization import deserialize_message, serialize_message

import liploc_ros
import liploc_ros.nodes
from liploc_ros.msg import LocalizationStatus, PoseHypothesis, PoseHypothesisArray
from liploc_ros.package_share import share_folder
from liploc_ros.srv import Localize

EXECUTABLES = ("lib/liploc_ros/localizer", "lib/liploc_ros/map_builder", "lib/liploc_ros/bag_player", "bin/liploc")
SHARED = (
    "package.xml",
    "launch/localize.launch.py",
    "launch/build_map.launch.py",
    "rviz/localize.rviz",
    "config",
    "demo",
)


def need(condition: bool, fault: str) -> None:
    """Exit with the fault in one line if the condition is false."""
    if not condition:
        sys.exit(f"check_installation: {fault}")


def main() -> None:
    """Check messages, nodes, shared files and executables."""
    prefix = Path(sys.argv[1]).resolve()
    package = Path(liploc_ros.__file__).parent
    need(package.is_relative_to(prefix), f"liploc_ros was imported from {package}, not from {prefix}")
    need(bool(liploc_ros.__version__ and liploc_ros.Localizer), "the empty __init__.py of rosidl replaced ours")

    message = PoseHypothesisArray(hypotheses=[PoseHypothesis(score=0.5)])
    copy = deserialize_message(serialize_message(message), PoseHypothesisArray)
    need(copy == message, "a message changed during serialization")
    need(LocalizationStatus.SUCCESS == 0, "the constants of LocalizationStatus are missing")

    rclpy.init()
    node = rclpy.create_node("check_installation")
    node.create_publisher(PoseHypothesisArray, "hypotheses", 1)
    node.create_service(Localize, "localize", lambda request, response: response)
    node.destroy_node()
    rclpy.shutdown()

    modules = [module.name for module in pkgutil.walk_packages(liploc_ros.nodes.__path__, "liploc_ros.nodes.")]
    for name in modules:
        importlib.import_module(name)
    need("liploc_ros.nodes.localizer.node" in modules, f"no localizer among the nodes {modules}")

    share = Path(get_package_share_directory("liploc_ros"))
    need(share.resolve() == prefix / "share" / "liploc_ros", f"the ament index names {share}")
    need(
        share_folder().resolve() == share.resolve(),
        f"liploc_ros.package_share names {share_folder()}, the ament index {share}",
    )
    for name in SHARED:
        need((share / name).exists(), f"{share / name} is missing")
    for name in EXECUTABLES:
        need(os.access(prefix / name, os.X_OK), f"{prefix / name} is missing or cannot be executed")
    subprocess.run([prefix / "bin" / "liploc", "--help"], check=True, stdout=subprocess.DEVNULL)
    need((package / "models" / "views" / "views.npz").is_file(), "the views for comparing backends are missing")
    models = sorted(path.name for path in package.rglob("*.onnx"))
    print(f"{prefix}: messages, services, {len(modules)} modules of nodes, models {models}, shared files, executables")


if __name__ == "__main__":
    main()
