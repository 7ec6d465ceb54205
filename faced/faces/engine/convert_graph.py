"""What the converters build ONNX graphs with: nodes and weights, added one behind the other.

All models that faced makes take the pixels as they are, uint8 (n, h, w, 3) RGB: the networks' own (pixel -
mean) / scale is folded into the first convolution, which has no padding of its own in any of them, so
nothing changes at the edges.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from faced.faces.engine.dat import Conv
from faced.faces.engine.protocol import INPUT

__all__ = ["BLOCK", "Graph", "take_pixels", "widen"]

# ONNX Runtime's fast convolutions work on blocks of 8 channels, or 16 with AVX-512, and fill up what comes in fours;
# 45 make it fall back to a slow one.
BLOCK = 8


class Graph:
    """ONNX nodes and weights, added one behind the other."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def weight(self, array: NDArray[Any]) -> str:
        """The name of a constant; float64 becomes float32."""
        name = f"w{len(self.weights)}"
        array = array.astype(np.float32) if array.dtype == np.float64 else array
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, op: str, *inputs: str, **attributes: Any) -> str:
        """The name of what the operator gives."""
        out = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [out], **attributes))
        return out

    def planes(self) -> str:
        """uint8 rows of pixels -> float planes of colours."""
        x = self.add("Transpose", INPUT, perm=[0, 3, 1, 2])
        return self.add("Cast", x, to=TensorProto.FLOAT)

    def conv(self, x: str, conv: Conv, stride: int, pads: Sequence[int]) -> str:
        """A convolution. pads: top, left, bottom, right."""
        return self.add(
            "Conv",
            x,
            self.weight(conv.weights),
            self.weight(conv.bias),
            kernel_shape=list(conv.weights.shape[2:]),
            strides=[stride, stride],
            pads=list(pads),
        )

    def to_bytes(self, in_shape: Sequence[int | str], out: str, out_shape: Sequence[int | str]) -> bytes:
        """The whole model, the same bytes every time."""
        graph = helper.make_graph(
            self.nodes,
            "faced",
            [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, in_shape)],
            [helper.make_tensor_value_info(out, TensorProto.FLOAT, out_shape)],
            self.weights,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))


def take_pixels(conv: Conv, mean: Sequence[float], scale: float) -> Conv:
    """The same first convolution, taking pixels of 0 to 255 instead of (pixel - mean) / scale."""
    weights = conv.weights / scale
    return Conv(weights, conv.bias - np.einsum("ocij,c->o", weights, np.array(mean)))


def widen(conv: Conv) -> Conv:
    """The same convolution with channels that are always 0, up to whole blocks; colours and scores as they are."""
    cout, cin, k, _ = conv.weights.shape
    wide_in, wide_out = (n if n in (1, 3) else -(-n // BLOCK) * BLOCK for n in (cin, cout))
    weights, bias = np.zeros((wide_out, wide_in, k, k)), np.zeros(wide_out)
    weights[:cout, :cin], bias[:cout] = conv.weights, conv.bias
    return Conv(weights, bias)
