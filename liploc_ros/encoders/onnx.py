"""Encoders through ONNX Runtime on the CPU."""

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from liploc_ros.encoders.encoder import ModelError


class OnnxEncoder:
    """Runs one ONNX file; see :class:`~liploc_ros.encoders.encoder.Encoder`."""

    runtime = "onnxruntime CPU"

    def __init__(self, path: Path, threads: int = 0) -> None:
        """Load the file.

        Args:
            path: ONNX file with one input (N, 3, H, W) and one output (N, D, H / s, W / s).
            threads: of the runtime; 0 takes one for each core.

        Raises:
            ModelError: the file is missing or is no ONNX model.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # Spinning threads would keep a core of the vehicle busy between two images.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's own exceptions share no public base class
            reason = str(error).splitlines()[0]
            raise ModelError(f"{path}: not a model that ONNX Runtime can load ({reason}): export it again") from error
        self._input = self._session.get_inputs()[0].name

    def encode(self, views: NDArray[np.float32]) -> NDArray[np.float32]:
        """See :class:`~liploc_ros.encoders.encoder.Encoder`."""
        return np.asarray(self._session.run(None, {self._input: views})[0], dtype=np.float32)
