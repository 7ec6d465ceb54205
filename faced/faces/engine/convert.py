"""dlib's two face networks as ONNX graphs.

Pure: weights in, the bytes of a model out, the same bytes every time. Both take the pixels as they
are, uint8 (n, h, w, 3) RGB; dlib's (pixel - mean) / 256 is folded into the first convolution, which has
no padding of its own in either network, so nothing changes at the edges.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from faced.faces.engine.dat import Conv, parse_embedding, parse_mmod
from faced.faces.engine.protocol import INPUT

__all__ = ["MEAN_RGB", "convert_embedding", "convert_mmod"]

MEAN_RGB = (122.782, 117.001, 104.298)

# ONNX Runtime's fast convolutions work on blocks of 16 channels; 45 make it fall back to a slow one.
_BLOCK = 16


class _Graph:
    """ONNX nodes and weights, added one behind the other."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def weight(self, array: NDArray[Any]) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, op: str, *inputs: str, **attributes: Any) -> str:
        out = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [out], **attributes))
        return out

    def conv(self, x: str, conv: Conv, stride: int, pads: Sequence[int]) -> str:
        weights, bias = conv.weights.astype(np.float32), conv.bias.astype(np.float32)
        return self.add(
            "Conv",
            x,
            self.weight(weights),
            self.weight(bias),
            kernel_shape=list(weights.shape[2:]),
            strides=[stride, stride],
            pads=list(pads),
        )

    def to_bytes(self, in_shape: Sequence[int | str], out: str, out_shape: Sequence[int | str]) -> bytes:
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


def convert_mmod(data: bytes) -> bytes:
    """The detector: (n, h, w, 3) pixels -> (n, 1, h', w') scores, h' = (h - 29) // 8 + 1 and so on.

    data: the checked .dat. Cell (r, c) scores the window centred on pixel (8 c + 14, 8 r + 14); above 0
    is a face.
    """
    *convs, last = (_widen(conv) for conv in _take_pixels(parse_mmod(data)))
    graph = _Graph()
    x = _planes(graph)
    for number, conv in enumerate(convs):
        stride, pad = (2, 0) if number < 3 else (1, 2)
        x = graph.add("Relu", graph.conv(x, conv, stride, [pad] * 4))
    x = _nine_by_nine(graph, x, last)
    return graph.to_bytes(["n", "h", "w", 3], x, ["n", 1, "oh", "ow"])


def convert_embedding(data: bytes) -> bytes:
    """The embedding: (n, 150, 150, 3) chips -> (n, 128). data: the checked .dat."""
    weights, matrix = parse_embedding(data)
    convs, graph = iter(_take_pixels(weights)), _Graph()
    x = graph.add("Relu", graph.conv(_planes(graph), next(convs), 2, [0] * 4))
    x = graph.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2])
    size, channels = 35, 32
    for cout, down, plain in [(32, False, 2), (64, True, 3), (128, True, 2), (256, True, 2), (256, True, 0)]:
        if down:
            x, size = _block_down(graph, x, convs, size, cout - channels)
        for _ in range(plain + (not down)):
            x = _block(graph, x, convs)
        channels = cout
    x = graph.add("Flatten", graph.add("GlobalAveragePool", x))
    x = graph.add("MatMul", x, graph.weight(matrix))
    return graph.to_bytes(["n", 150, 150, 3], x, ["n", 128])


def _planes(graph: _Graph) -> str:
    """uint8 rows of pixels -> float planes of colours."""
    x = graph.add("Transpose", INPUT, perm=[0, 3, 1, 2])
    return graph.add("Cast", x, to=TensorProto.FLOAT)


def _take_pixels(convs: list[Conv]) -> list[Conv]:
    """The same convolutions, the first taking pixels of 0 to 255 instead of (pixel - mean) / 256."""
    weights = convs[0].weights / 256
    bias = convs[0].bias - np.einsum("ocij,c->o", weights, np.array(MEAN_RGB))
    return [Conv(weights, bias), *convs[1:]]


def _widen(conv: Conv) -> Conv:
    """The same convolution with channels that are always 0, up to whole blocks; colours and scores as they are."""
    cout, cin, k, _ = conv.weights.shape
    wide_in, wide_out = (n if n in (1, 3) else -(-n // _BLOCK) * _BLOCK for n in (cin, cout))
    weights, bias = np.zeros((wide_out, wide_in, k, k)), np.zeros(wide_out)
    weights[:cout, :cin], bias[:cout] = conv.weights, conv.bias
    return Conv(weights, bias)


def _nine_by_nine(graph: _Graph, x: str, conv: Conv) -> str:
    """One 9 x 9 convolution to one channel, as its nine columns and their sum: five times as fast."""
    _, cin, k, _ = conv.weights.shape
    columns = np.zeros((_BLOCK, cin, k, 1))
    columns[:k] = conv.weights[0].transpose(2, 0, 1)[..., None]
    total = np.zeros((1, _BLOCK, 1, k))
    total[0, range(k), 0, range(k)] = 1
    x = graph.conv(x, Conv(columns, np.zeros(_BLOCK)), 1, [k // 2] * 4)
    return graph.conv(x, Conv(total, conv.bias), 1, [0] * 4)


def _block(graph: _Graph, x: str, convs: Iterator[Conv]) -> str:
    y = graph.add("Relu", graph.conv(x, next(convs), 1, [1] * 4))
    y = graph.conv(y, next(convs), 1, [1] * 4)
    return graph.add("Relu", graph.add("Add", y, x))


def _block_down(graph: _Graph, x: str, convs: Iterator[Conv], size: int, more: int) -> tuple[str, int]:
    """A block that halves the picture and adds `more` channels; returns its output and the new size."""
    y = graph.add("Relu", graph.conv(x, next(convs), 2, [0] * 4))
    y = graph.conv(y, next(convs), 1, [1] * 4)
    x = graph.add("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    convolved, pooled = (size - 3) // 2 + 1, (size - 2) // 2 + 1
    size = max(convolved, pooled)
    x = _fill_up(graph, x, more, size - pooled)
    y = _fill_up(graph, y, 0, size - convolved)
    return graph.add("Relu", graph.add("Add", y, x)), size


def _fill_up(graph: _Graph, x: str, channels: int, pixels: int) -> str:
    """dlib adds tensors of unlike shape as if the smaller one ended in zeros."""
    if not channels and not pixels:
        return x
    return graph.add("Pad", x, graph.weight(np.array([0, 0, 0, 0, 0, channels, pixels, pixels], np.int64)))
