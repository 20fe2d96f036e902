# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The two flavours of TensorRT, TensorRT and TensorRT-RTX, which the same code uses. They are imported when needed."""

import importlib
import importlib.util
import logging
import warnings
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, get_args

from liploc_ros.encoders.encoder import ModelError

if TYPE_CHECKING:
    import tensorrt as trt

FlavourName = Literal["tensorrt", "tensorrt_rtx"]
FLAVOURS: tuple[FlavourName, ...] = get_args(FlavourName)
REMEDIES: dict[FlavourName, str] = {
    "tensorrt": "pip install tensorrt, or on a Jetson apt install python3-libnvinfer",
    "tensorrt_rtx": "pip install tensorrt-rtx-cu12",
}
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Flavour:
    """An installed TensorRT.

    Attributes:
        name: of the flavour.
        version: of its library; an engine runs only on the version that built it.
        module: ``tensorrt`` or ``tensorrt_rtx``; its objects are annotated with the stubs of ``tensorrt``.
    """

    name: FlavourName
    version: str
    module: Any

    @property
    def is_rtx(self) -> bool:
        """Whether engines are built without a GPU and compiled on the GPU that runs them."""
        return self.name == "tensorrt_rtx"

    def last_error(self) -> str:
        """Return the last error that the library logged; the library raises no exceptions."""
        return getattr(self.logger(), "last_error", "") or "no reason given"

    def logger(self) -> Any:
        """Return a logger for the library that forwards to Python's logging and keeps the last error."""
        return _logger(self.name)


def shape_of(dims: "trt.Dims") -> tuple[int, ...]:
    """Return a shape as a tuple."""
    return tuple(int(dims[i]) for i in range(len(dims)))


def is_installed(name: FlavourName) -> bool:
    """Return whether a flavour is installed, without importing it.

    A folder of stubs does not count: Python finds it as a namespace package, which has no file.
    """
    spec = importlib.util.find_spec(name)
    return spec is not None and spec.origin is not None


def check_installed(name: FlavourName) -> None:
    """Check that a flavour is installed.

    Raises:
        ModelError: it is not; the message says how to install it.
    """
    if not is_installed(name):
        raise ModelError(f"backend {name}: the Python module {name} is not installed: {REMEDIES[name]}")


@cache
def load_flavour(name: FlavourName) -> Flavour:
    """Import a flavour.

    Raises:
        ModelError: it is not installed, or its libraries cannot be loaded.
    """
    check_installed(name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = importlib.import_module(name)
    except Exception as error:  # a library that does not fit the machine may raise anything
        raise ModelError(f"backend {name}: cannot be imported ({error}): {REMEDIES[name]}") from error
    return Flavour(name, str(module.__version__), module)


@cache
def _logger(name: FlavourName) -> Any:
    """Return the logger of a flavour; its base class is part of the imported module."""
    module = load_flavour(name).module
    base = module.ILogger
    levels = {
        module.ILogger.INTERNAL_ERROR: logging.ERROR,
        module.ILogger.ERROR: logging.ERROR,
        module.ILogger.WARNING: logging.WARNING,
    }

    class Logger(base):  # type: ignore[misc,valid-type]
        def __init__(self) -> None:
            base.__init__(self)
            self.last_error = ""

        def log(self, severity: Any, message: str) -> None:
            if levels.get(severity) == logging.ERROR:
                self.last_error = message.splitlines()[0]
            LOG.log(levels.get(severity, logging.DEBUG), "%s: %s", name, message.splitlines()[0])

    return Logger()
