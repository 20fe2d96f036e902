"""The two flavours of TensorRT: one program for both, loaded when it is asked for."""

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
    """A TensorRT that is installed.

    Attributes:
        name: of it.
        version: of its library; an engine runs on no other.
        module: ``tensorrt`` or ``tensorrt_rtx``; what comes from it is annotated with ``tensorrt``'s stubs.
    """

    name: FlavourName
    version: str
    module: Any

    @property
    def is_rtx(self) -> bool:
        """Whether engines are finished on the GPU that runs them, and can be built without one."""
        return self.name == "tensorrt_rtx"

    @property
    def targets(self) -> tuple[str, ...]:
        """Compute capabilities that engines can be built for without their GPU, such as ``sm89``."""
        if not self.is_rtx:
            return ()
        known = self.module.ComputeCapability.__members__
        return tuple(sorted((name.lower() for name in known if name.startswith("SM")), key=lambda sm: int(sm[2:])))

    def last_error(self) -> str:
        """Return the last error that the library logged, for it raises none."""
        return getattr(self.logger(), "last_error", "") or "no reason given"

    def logger(self) -> Any:
        """Return a logger for the library, which passes on to Python's logging, and remembers the last error."""
        return _logger(self.name)


def sizes_of(dims: "trt.Dims") -> tuple[int, ...]:
    """Return a shape as a tuple."""
    return tuple(int(dims[i]) for i in range(len(dims)))


def is_installed(name: FlavourName) -> bool:
    """Say so without importing it. Stubs alone, of which Python makes a package without a file, do not count."""
    spec = importlib.util.find_spec(name)
    return spec is not None and spec.origin is not None


def check_installed(name: FlavourName) -> None:
    """Raise ModelError with the remedy where a flavour is not installed."""
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
    except Exception as error:  # whatever a library that does not fit the machine raises
        raise ModelError(f"backend {name}: cannot be imported ({error}): {REMEDIES[name]}") from error
    return Flavour(name, str(module.__version__), module)


@cache
def _logger(name: FlavourName) -> Any:
    """Return the one logger of a flavour; its base class is known only when the module is loaded."""
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
