"""Networks on ONNX Runtime, one thread each: cores are filled with processes, not with threads.

Accelerators are chosen for the whole process. One that is not there, does not start or computes
something else than the CPU is left out, with a sentence for the user; the CPU does what is left. One
that fails later, for want of memory perhaps, costs no photo either.
"""

import logging
import os
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from faced.faces.engine.protocol import INPUT
from faced.model import Floats, Pixels

# Before the import: from 1.32 on ONNX Runtime gives the machine an id and reports to its makers. Not from here.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

__all__ = ["Network", "open_session", "use_providers"]

_CPU: Final = "CPUExecutionProvider"

_OPTIONS: Final = {"CUDAExecutionProvider": {"use_tf32": "0"}}
"""All 24 bits of the mantissa, for vectors of one engine come from many machines."""

_CLOSE: Final = 0.02
"""Of the largest output: half precision stays well below it, a broken driver does not."""

_log = logging.getLogger(__name__)
_accelerators: tuple[str, ...] = ()  # of this process


def use_providers(wanted: Sequence[str]) -> str | None:
    """Networks opened from now on use these accelerators, the best first, as far as they work.

    Returns a plain sentence about those that do not. wanted: ONNX Runtime's names.
    """
    global _accelerators
    _accelerators = ()
    faults = {name: fault for name in wanted if (fault := _find_fault(name))}
    _accelerators = tuple(name for name in wanted if name not in faults)
    if not faults:
        return None
    told = "; ".join(f"{name} {fault}" for name, fault in faults.items())
    return f"providers: {told}; {_accelerators[0] if _accelerators else 'the CPU'} is used instead"


class Network:
    """A model with one input, pixels, and one output."""

    def __init__(self, model: bytes) -> None:
        self._session = open_session(model)

    def run(self, pixels: Pixels) -> Floats:
        """(n, h, w, 3) uint8 RGB -> the network's output."""
        (out,) = self._session.run(None, {INPUT: np.ascontiguousarray(pixels)})
        return np.asarray(out, np.float32)


def open_session(model: bytes) -> Any:
    """ONNX Runtime's session, on this process' accelerators. Raises what ONNX Runtime raises."""
    return _Guarded(model, _accelerators) if _accelerators else _open(model, ())


class _Guarded:
    """A session that goes on with the CPU when its accelerators fail."""

    def __init__(self, model: bytes, accelerators: Sequence[str]) -> None:
        self._model = model
        self._on_cpu = False
        try:
            self._session = _open(model, accelerators)
        except Exception as error:
            self._give_up(error)

    def run(self, *words: Any) -> Any:
        """As of ONNX Runtime's session."""
        try:
            return self._session.run(*words)
        except Exception as error:
            if self._on_cpu:
                raise
            self._give_up(error)
            return self._session.run(*words)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def _give_up(self, error: Exception) -> None:
        self._session = _open(self._model, ())
        self._on_cpu = True
        _log.warning(
            "providers: %s failed, a worker goes on with the CPU: %s", _accelerators[0], _line(error)
        )


def _open(model: bytes, accelerators: Sequence[str]) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.enable_mem_pattern = False  # shapes differ from picture to picture
    options.log_severity_level = 4 if accelerators else 3  # what does not start is told by us
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    providers = [(name, _OPTIONS.get(name, {})) for name in accelerators] + [(_CPU, {})]
    # ONNX Runtime's own way to fall back prints to standard output.
    return onnxruntime.InferenceSession(model, sess_options=options, providers=providers, enable_fallback=0)


def _find_fault(name: str) -> str | None:
    """Why an accelerator cannot be used; None: it can."""
    if name not in onnxruntime.get_available_providers():
        return "is not part of this ONNX Runtime"
    model, picture = _make_trial()
    try:
        session = _open(model, [name])
        if name not in session.get_providers():
            return "does not start (its driver or libraries are missing)"
        (out,) = session.run(None, {INPUT: picture})
    except Exception as error:
        return f"does not start ({_line(error)})"
    (expected,) = _open(model, ()).run(None, {INPUT: picture})
    return None if _is_close(out, expected) else "computes something else than the CPU"


def _line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), repr(error))


def _is_close(out: Floats, expected: Floats) -> bool:
    if out.shape != expected.shape:
        return False
    difference = float(np.abs(out - expected).max())
    return difference <= _CLOSE * float(np.abs(expected).max())  # not for NaN


def _make_trial() -> tuple[bytes, Floats]:
    """A convolution of the kind that the networks are made of, and an input for it."""
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(0)
    weights = numpy_helper.from_array(random.normal(size=(32, 32, 3, 3)).astype(np.float32), "weights")
    nodes = [
        helper.make_node("Conv", [INPUT, "weights"], ["sums"], strides=[2, 2]),
        helper.make_node("Relu", ["sums"], ["out"]),
    ]
    shapes = {INPUT: (1, 32, 33, 33), "out": (1, 32, 16, 16)}
    ends = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, of) for name, of in shapes.items()}
    graph = helper.make_graph(nodes, "trial", [ends[INPUT]], [ends["out"]], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString(), random.normal(size=shapes[INPUT]).astype(np.float32)
