# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Build the ROS 2 interfaces with CMake when pip builds the package. Everything else is in pyproject.toml.

CMakeLists.txt describes the contents of a ROS 2 prefix. It installs into a staging folder. The staged Python modules
are copied into the package (in an editable install: into the source tree, where git ignores them). The staged lib/ and
share/ become data files, which pip installs under the prefix of the environment. The ament index and the dynamic loader
of the ROS 2 wheels search there.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from importlib import metadata
from pathlib import Path

from setuptools import Command, Distribution, setup
from setuptools.command.build import build
from setuptools.errors import ExecError, SetupError

SOURCE = Path(__file__).resolve().parent
PACKAGE = "liploc_ros"
PYTHON_DIR = "python"


class BuildWithInterfaces(build):
    """The `build` command. It starts with an empty folder, so that deleted modules are not shipped."""

    sub_commands = [*build.sub_commands, ("build_interfaces", None)]

    def run(self) -> None:
        """Run all sub-commands."""
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()


class BuildInterfaces(Command):
    """Generate and compile liploc_ros.msg and liploc_ros.srv."""

    description = "generate and compile the ROS 2 messages and services"
    user_options: list[tuple[str, str | None, str]] = []
    editable_mode = False

    def initialize_options(self) -> None:
        """Set the options that setuptools fills in."""
        self.build_lib: str | None = None
        self.build_temp: str | None = None
        self.outputs: list[str] = []

    def finalize_options(self) -> None:
        """Take the folders of the `build` command."""
        self.set_undefined_options("build", ("build_lib", "build_lib"), ("build_temp", "build_temp"))

    def run(self) -> None:
        """Run CMake into a staging folder and pass the installed files to setuptools."""
        _check_prerequisites()
        build_folder = Path(self.build_temp).resolve() / "interfaces"
        shutil.rmtree(build_folder, ignore_errors=True)  # cached paths may point to a removed build environment
        stage = build_folder / "stage"
        _run_cmake(build_folder, stage)

        package = SOURCE / PACKAGE if self.editable_mode else Path(self.build_lib).resolve() / PACKAGE
        self.outputs = [str(path) for path in _copy_generated_modules(stage / PYTHON_DIR / PACKAGE, package)]
        shutil.rmtree(stage / PYTHON_DIR)
        self.distribution.data_files.extend(_data_files(stage))
        if self.editable_mode:
            self.run_command("install_data")  # setuptools does not do this in editable mode

    def get_outputs(self) -> list[str]:
        """List the files that this command wrote into the package."""
        return [] if self.editable_mode else self.outputs

    def get_output_mapping(self) -> dict[str, str]:
        """Return an empty mapping: no file of the package is a copy of a source file."""
        return {}

    def get_source_files(self) -> list[str]:
        """List the files that a source distribution needs in addition to the Python modules."""
        folders = ("cmake", "config", "demo", "foxglove", "launch", "msg", "rviz", "srv")
        found = [path for folder in folders for path in sorted((SOURCE / folder).rglob("*")) if path.is_file()]
        found += [SOURCE / "CMakeLists.txt", SOURCE / "package.xml"]
        return [str(path.relative_to(SOURCE)) for path in found if "__pycache__" not in path.parts]


class PlatformDistribution(Distribution):
    """A distribution for one platform and Python version, although setuptools itself compiles nothing."""

    def has_ext_modules(self) -> bool:
        """Report extension modules, so that the wheel gets a platform tag."""
        return True


def _check_prerequisites() -> None:
    """Check what pip cannot install.

    Raises:
        SetupError: Python headers or a compiler are missing.
    """
    if not (Path(sysconfig.get_path("include")) / "Python.h").exists():
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise SetupError(
            f"Python.h of Python {version} is missing in {sysconfig.get_path('include')}: "
            f"install the development files of this Python, for instance apt install python{version}-dev"
        )
    for variable, names in (("CC", ("cc", "gcc", "clang")), ("CXX", ("c++", "g++", "clang++"))):
        if not os.environ.get(variable) and not any(shutil.which(name) for name in names):
            raise SetupError(f"no {names[1]} found: install a C and C++ compiler, for instance apt install g++")


def _run_cmake(build_folder: Path, stage: Path) -> None:
    """Configure, build and install CMakeLists.txt into `stage`."""
    cmake, ninja = _tool("cmake", "CMAKE_BIN_DIR"), _tool("ninja", "BIN_DIR")
    environment = _cmake_environment()
    options = {
        "CMAKE_MAKE_PROGRAM": ninja,
        "CMAKE_BUILD_TYPE": "Release",
        "CMAKE_INSTALL_PREFIX": stage,
        "PYTHON_INSTALL_DIR": PYTHON_DIR,
        "Python3_EXECUTABLE": sys.executable,
        "BUILD_TESTING": "OFF",
        "LIPLOC_BUILT_BY_PIP": "ON",
    }
    settings = [f"-D{name}={value}" for name, value in options.items()]
    for arguments in (
        ["-G", "Ninja", "-S", SOURCE, "-B", build_folder, *settings],
        ["--build", build_folder],
        ["--install", build_folder],
    ):
        command = [str(cmake), *map(str, arguments)]
        result = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if result.returncode != 0:
            raise ExecError(f"{result.stdout}\nbuilding the ROS 2 interfaces failed: {' '.join(command)}")


def _tool(package: str, attribute: str) -> Path:
    """Find the program of a PyPI package such as cmake. Its wrapper script may not be on the PATH."""
    try:
        return Path(getattr(__import__(package), attribute)) / package
    except ImportError:
        found = shutil.which(package)
        if found is None:
            raise SetupError(f"{package} is missing: pip install it, or build without --no-build-isolation") from None
        return Path(found)


def _cmake_environment() -> dict[str, str]:
    """Return environment variables with which CMake and its Python programs find the ROS 2 wheels."""
    prefixes = _ros_prefixes()
    environment = dict(os.environ)
    for variable in ("AMENT_PREFIX_PATH", "CMAKE_PREFIX_PATH"):
        environment[variable] = os.pathsep.join(prefixes)
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path and os.path.isdir(path))
    return environment


def _ros_prefixes() -> list[str]:
    """Find the prefixes of the installed ROS 2 packages. In pip's build environment, one of them is not sys.prefix."""
    prefixes: dict[str, None] = {}
    for distribution in metadata.distributions():
        for file in distribution.files or ():
            *_, parent, index, kind, _name = ("", "", "", *file.parts)
            if (parent, index, kind) == ("ament_index", "resource_index", "packages"):
                prefixes[str(Path(distribution.locate_file(file)).resolve().parents[4])] = None
    if not prefixes:
        raise SetupError("no ROS 2 wheel found: build without --no-build-isolation, or install [build-system] requires")
    return list(prefixes)


def _copy_generated_modules(source: Path, package: Path) -> list[Path]:
    """Copy the generated part of the staged package, and return the copies.

    Extension modules get the suffix of this Python, so that editable installs for several Pythons can share a
    source tree.
    """
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    copies = []
    for path in [*source.glob("msg/*.py"), *source.glob("srv/*.py"), *source.glob("*.so")]:
        name = path.name.split(".")[0] + suffix if path.suffix == ".so" else path.name
        target = package / path.relative_to(source).parent / name
        target.parent.mkdir(parents=True, exist_ok=True)
        # Do not overwrite a module in place: a running process may have mapped it.
        temporary = Path(tempfile.mkdtemp(dir=target.parent)) / name
        shutil.copy(path, temporary)
        temporary.replace(target)
        temporary.parent.rmdir()
        copies.append(target)
    return copies


def _data_files(stage: Path) -> list[tuple[str, list[str]]]:
    """List the staged files by folder, relative to the prefix."""
    by_folder: dict[str, list[str]] = {}
    for path in sorted(stage.rglob("*")):
        if path.is_file():
            by_folder.setdefault(str(path.parent.relative_to(stage)), []).append(os.path.relpath(path, SOURCE))
    return list(by_folder.items())


setup(
    cmdclass={"build": BuildWithInterfaces, "build_interfaces": BuildInterfaces},
    data_files=[],
    distclass=PlatformDistribution,
)
