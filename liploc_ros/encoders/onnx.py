# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Encoders in ONNX Runtime, on the CPU or, with onnxruntime-gpu, on a GPU."""

import contextlib
import io
import logging
import re
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from liploc_ros.encoders.encoder import ModelError

LOG = logging.getLogger(__name__)
Device = Literal["cpu", "cuda"]
PROVIDERS: dict[Device, str] = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
CUDA_REMEDY = "check the driver; pip install 'onnxruntime-gpu[cuda,cudnn]' installs CUDA and cuDNN"


class OnnxEncoder:
    """Runs one ONNX file; see :class:`~liploc_ros.encoders.encoder.Encoder`."""

    def __init__(self, path: Path, threads: int = 0, device: Device = "cpu") -> None:
        """Load the file.

        Args:
            path: ONNX file with one input (N, 3, H, W) and one output (N, D, H / s, W / s).
            threads: of the runtime; 0 takes one per core.
            device: where it runs.

        Raises:
            ModelError: the file is missing or is not an ONNX model, or the device cannot be used.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # Threads that spin would keep a core of the vehicle busy between two images.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        provider = PROVIDERS[device]
        if provider not in onnxruntime.get_available_providers():
            raise ModelError(f"onnxruntime {onnxruntime.__version__} has no {provider}: pip install onnxruntime-gpu")
        if device == "cuda":
            _load_cuda_libraries()
        try:
            # Without enable_fallback=0, a failure of the GPU would continue on the CPU with a message on stdout.
            self._session = onnxruntime.InferenceSession(str(path), options, providers=[provider], enable_fallback=0)
        except Exception as error:  # ONNX Runtime's exceptions share no public base class
            reason = _reason(error)
            if device == "cuda":
                raise ModelError(f"onnxruntime's {provider} does not work here ({reason}): {CUDA_REMEDY}") from error
            raise ModelError(f"{path}: not a model that ONNX Runtime can load ({reason}): export it again") from error
        self._session.disable_fallback()  # enable_fallback is ignored before onnxruntime 1.21
        # Where the provider cannot be loaded, ONNX Runtime uses the CPU without an error.
        if provider not in self._session.get_providers():
            raise ModelError(f"onnxruntime's {provider} does not work here: {CUDA_REMEDY}")
        self.runtime = f"onnxruntime {device.upper()}"
        self._input = self._session.get_inputs()[0].name

    def encode(self, views: NDArray[np.float32]) -> NDArray[np.float32]:
        """See :class:`~liploc_ros.encoders.encoder.Encoder`.

        Raises:
            ModelError: the runtime fails, for instance because the GPU's memory is full.
        """
        try:
            return np.asarray(self._session.run(None, {self._input: views})[0], dtype=np.float32)
        except Exception as error:
            raise ModelError(f"{self.runtime}: cannot encode views {views.shape} ({_reason(error)})") from error

    def close(self) -> None:
        """Do nothing: a session is freed with the last reference to it."""


def _reason(error: Exception) -> str:
    """Return the first line of an error of ONNX Runtime; of one of CUDA, the part between its C++ names and values."""
    line = str(error).splitlines()[0]
    cuda = re.search(r"CU\w+ failure [^;]*", line)
    return cuda[0].strip() if cuda else line


def _load_cuda_libraries() -> None:
    """Load CUDA and cuDNN from NVIDIA's packages on PyPI, if they are installed; the linker does not find them."""
    if not hasattr(onnxruntime, "preload_dlls"):  # before onnxruntime 1.21
        return
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        onnxruntime.preload_dlls()
    for line in printed.getvalue().splitlines():
        LOG.debug("onnxruntime: %s", line)
