# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Encoders in ONNX Runtime, on the CPU or, with onnxruntime-gpu, on a GPU."""

from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from liploc_ros.encoders.encoder import ModelError

Device = Literal["cpu", "cuda"]
PROVIDERS: dict[Device, str] = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


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
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=[provider])
        except Exception as error:  # ONNX Runtime's exceptions share no public base class
            reason = str(error).splitlines()[0]
            raise ModelError(f"{path}: not a model that ONNX Runtime can load ({reason}): export it again") from error
        # Where the provider cannot be loaded, ONNX Runtime uses the CPU without an error.
        if provider not in self._session.get_providers():
            raise ModelError(f"onnxruntime's {provider} does not work here: check the driver, CUDA and cuDNN")
        self.runtime = f"onnxruntime {device.upper()}"
        self._input = self._session.get_inputs()[0].name

    def encode(self, views: NDArray[np.float32]) -> NDArray[np.float32]:
        """See :class:`~liploc_ros.encoders.encoder.Encoder`."""
        return np.asarray(self._session.run(None, {self._input: views})[0], dtype=np.float32)

    def close(self) -> None:
        """Do nothing: a session is freed with the last reference to it."""
