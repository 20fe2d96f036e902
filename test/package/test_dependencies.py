# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""package.xml and pyproject.toml declare what is imported, no more and no less."""

import ast
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SOURCE = Path(__file__).resolve().parents[2]
OWN = {"benchmarks", "liploc_ros", "support", "website"}

# Distribution on PyPI and rosdep key of each module whose name differs from them.
PYPI = {
    "cuda": "cuda-bindings",
    "cv2": "opencv-python-headless",
    "faiss": "faiss-cpu",
    "griffe": "mkdocstrings",  # with its handler for Python
    "tensorrt_rtx": "tensorrt-rtx-cu12",
    "yaml": "pyyaml",
    "backports": "backports.zstd",
}
ROSDEP = {
    "cv2": "python3-opencv",
    "onnxruntime": "python3-onnxruntime-pip",
    "rosbags": "python3-rosbags-pip",
    "threadpoolctl": "python3-sklearn",  # there is no key for threadpoolctl alone
    "backports": "python3-rosbags-pip",  # there is no key for backports.zstd, which rosbags needs
}
ROS = {
    "ament_index_python",
    "builtin_interfaces",
    "diagnostic_msgs",
    "geometry_msgs",
    "launch",
    "launch_ros",
    "lifecycle_msgs",
    "nav_msgs",
    "rcl_interfaces",
    "rclpy",
    "rosgraph_msgs",
    "sensor_msgs",
    "std_msgs",
    "std_srvs",
    "visualization_msgs",
}
# Imported by name at run time, where a ROS 2 installation has them. PyPI does not.
OPTIONAL_ROS = {"cv_bridge", "sensor_msgs_py", "tf2_msgs", "tf2_ros"}
NOT_ON_PYPI = {"launch", "launch_ros"}
INSTALLED_SEPARATELY = {
    "PIL",  # with viser and matplotlib
    "websockets",  # with viser
    "compression",  # standard library from Python 3.14 on, backports before
    "openvino",  # benchmarks/encoders.py compares with it; `make encoders` installs it
    "tensorrt",  # from NVIDIA's installers
}
# Declared although no import statement names them.
NEEDED_AT_RUN_TIME = {
    "train": {"tensorboard"},  # torch.utils.tensorboard imports it
    "rtx": {"tensorrt-rtx-cu12"},  # imported by name: encoders/tensorrt/flavour.py
    "ray": set(),
    "view": set(),
    "docs": {"griffe-pydantic", "ipykernel", "mkdocs-material"},  # mkdocs.yml and the notebooks name them
    "test": {"pytest-timeout"},  # a plugin of pytest
    "": {"ros-rosidl-default-runtime"},  # libraries of the generated messages
}
TOOLS_OF_LAUNCH_FILES = {"ros2launch", "rviz2"}
TEST_TOOLS = {"ament_cmake_pytest", "python3-pytest-timeout"}


def imports_of(*folders: str) -> set[str]:
    """Return the top-level names of third-party modules that these folders import at run time."""
    files = [file for folder in folders for file in (SOURCE / folder).rglob("*.py")]
    generated = [SOURCE / "liploc_ros" / name for name in ("msg", "srv")]
    names = set()
    for file in files:
        if not any(file.is_relative_to(folder) for folder in generated):
            names |= set(imported_names(ast.parse(file.read_text())))
    return {name for name in names if name not in sys.stdlib_module_names} - OWN - INSTALLED_SEPARATELY


def imported_names(node: ast.AST):
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
        for child in node.orelse:
            yield from imported_names(child)
        return
    if isinstance(node, ast.Import):
        yield from (alias.name.partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level:
        yield (node.module or "").partition(".")[0]
    for child in ast.iter_child_nodes(node):
        yield from imported_names(child)


def distributions(modules: set[str]) -> set[str]:
    """Return the PyPI distributions of modules."""
    on_pypi = modules - OPTIONAL_ROS - NOT_ON_PYPI
    return {f"ros-{m.replace('_', '-')}" if m in ROS else PYPI.get(m, m) for m in on_pypi}


def rosdep_keys(modules: set[str]) -> set[str]:
    return {m if m in ROS | OPTIONAL_ROS else ROSDEP.get(m, f"python3-{m}") for m in modules}


def declared(extra: str = "") -> set[str]:
    """Return the distributions of an extra, or of the package itself."""
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text())["project"]
    lines = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return {re.match(r"[\w.-]+", line)[0].lower() for line in lines}


def in_package_xml(*tags: str) -> set[str]:
    root = ElementTree.parse(SOURCE / "package.xml").getroot()
    return {element.text for element in root if element.tag in tags}


def library_imports() -> set[str]:
    """Return what the package imports without its extras."""
    learning = imports_of("liploc_ros/learning") & {"onnx", "safetensors", "tensorboard", "timm", "torch"}
    rtx = {"cuda", "tensorrt_rtx"}
    return imports_of("liploc_ros", "launch") - learning - rtx - {"ray", "viser"}


def test_pyproject_declares_the_imports_of_the_library():
    assert declared() == distributions(library_imports()) | NEEDED_AT_RUN_TIME[""]


def test_package_xml_declares_the_imports_of_the_library():
    wanted = rosdep_keys(library_imports()) | OPTIONAL_ROS | TOOLS_OF_LAUNCH_FILES | {"rosidl_default_runtime"}
    assert in_package_xml("depend", "exec_depend") == wanted


@pytest.mark.parametrize(
    ("extra", "folders"),
    [
        ("train", ["liploc_ros/learning"]),
        ("rtx", ["liploc_ros/encoders/tensorrt"]),
        ("ray", ["liploc_ros/mapping/build"]),
        ("view", ["liploc_ros/view"]),
        ("docs", ["website"]),
        ("test", ["test"]),
    ],
)
def test_an_extra_declares_what_only_its_folder_imports(extra, folders):
    everywhere = distributions(library_imports()) | (set() if extra != "test" else declared("train") | declared("rtx"))
    wanted = distributions(imports_of(*folders)) - everywhere - {"tomli"}
    assert declared(extra) == wanted | NEEDED_AT_RUN_TIME[extra]


def test_benchmarks_import_only_what_the_package_and_its_extras_declare():
    assert distributions(imports_of("benchmarks")) <= declared() | declared("train") | declared("rtx")


def test_package_xml_declares_the_additional_imports_of_the_tests():
    extras = {"onnx", "safetensors", "timm", "torch", "cuda", "tomli"}  # these tests skip without the extras
    wanted = rosdep_keys(imports_of("test") - library_imports() - extras)
    assert in_package_xml("test_depend") == wanted | TEST_TOOLS


def test_every_licence_file_that_package_xml_names_exists():
    root = ElementTree.parse(SOURCE / "package.xml").getroot()
    licences = [(element.text, element.get("file")) for element in root.iter("license")]
    assert {text for text, _ in licences} == {"Apache-2.0", "CC-BY-NC-SA-3.0"}
    assert all((SOURCE / file).is_file() for _, file in licences)
