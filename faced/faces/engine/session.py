"""Networks on ONNX Runtime, one thread each: cores are filled with processes, not with threads."""

import os
from typing import Any

import numpy as np

from faced.faces.engine.protocol import INPUT
from faced.model import Floats, Pixels

# Before the import: from 1.32 on ONNX Runtime gives the machine an id and reports to its makers. Not from here.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

__all__ = ["Network"]


class Network:
    """A model with one input, pixels, and one output."""

    def __init__(self, model: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.enable_mem_pattern = False  # shapes differ from picture to picture
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
        self._session: Any = onnxruntime.InferenceSession(
            model, sess_options=options, providers=["CPUExecutionProvider"]
        )

    def run(self, pixels: Pixels) -> Floats:
        """(n, h, w, 3) uint8 RGB -> the network's output."""
        (out,) = self._session.run(None, {INPUT: np.ascontiguousarray(pixels)})
        return np.asarray(out, np.float32)
