"""MTCNN's three networks as ONNX graphs.

Pure: weights in, the bytes of a model out, the same bytes every time. All take the pixels as they are; the
package's (pixel - 127.5) / 128 is folded into the first convolution. Their outputs become one: how
surely a face (a logit: its sigmoid is the package's probability), and left, top, right and bottom corner,
as shifts from the cell's or crop's own, in its sides. The third one's eyes, nose and mouth are left out.

ONNX Runtime is fast where channels come in blocks and nothing but convolutions, sums, ReLU and pooling stands
between them. So a PReLU becomes a ReLU and 1 x 1 convolutions, and goes behind the pooling, with a quarter of the numbers.
"""

import numpy as np

from faced.faces.engine.convert_graph import Graph, take_pixels, widen
from faced.faces.engine.dat import Conv
from faced.faces.engine.mtcnn_weights import Array, Layer, parse_layers

__all__ = ["convert_onet", "convert_pnet", "convert_rnet"]

_MEAN, _SCALE = (127.5,) * 3, 128


def convert_pnet(data: bytes) -> bytes:
    """The proposing network: (n, h, w, 3) pixels -> (n, 5, h', w') logit and corners of the cells.

    data: the checked weights. Cell (r, c) looks at the 12 px from (2 c, 2 r) on, h' = ceil((h - 2) / 2) - 4.
    """
    first, second, third, corners, classes = parse_layers(data)
    graph = Graph()
    x = _pooled(graph, graph.planes(), _first(first), size=2)
    x = _conv(graph, _prelu(graph, _conv(graph, x, second), second), third)
    # The last PReLU, s x + (1 - s) relu(x), is folded into the heads.
    weights = np.concatenate([_face_less_none(classes.weights, 0), corners.weights])
    bias = np.concatenate([_face_less_none(classes.bias, 0), corners.bias])
    slope = _slope(third)[None, :, None, None]
    straight = graph.conv(x, Conv(weights * slope, bias), 1, [0] * 4)
    bent = graph.conv(graph.add("Relu", x), Conv(weights * (1 - slope), np.zeros(5)), 1, [0] * 4)
    x = graph.add("Add", straight, bent)
    return graph.to_bytes(["n", "h", "w", 3], x, ["n", 5, "oh", "ow"])


def convert_rnet(data: bytes) -> bytes:
    """The refining network: (n, 24, 24, 3) crops -> (n, 5) logit and corners. data: the checked weights."""
    first, second, third, *rest = parse_layers(data)
    graph = Graph()
    x = _pooled(graph, graph.planes(), _first(first), size=3)
    x = _pooled(graph, x, second, size=3, same=False)
    x = _prelu(graph, _conv(graph, x, third), third)
    return _finish(graph, x, 24, *rest)


def convert_onet(data: bytes) -> bytes:
    """The last network: (n, 48, 48, 3) crops -> (n, 5) logit and corners. data: the checked weights."""
    first, second, third, fourth, full, corners, _, classes = parse_layers(data)
    graph = Graph()
    x = _pooled(graph, graph.planes(), _first(first), size=3)
    x = _pooled(graph, x, second, size=3, same=False)
    x = _pooled(graph, x, third, size=2)
    x = _prelu(graph, _conv(graph, x, fourth), fourth)
    return _finish(graph, x, 48, full, corners, classes)


def _finish(graph: Graph, x: str, side: int, full: Layer, corners: Layer, classes: Layer) -> bytes:
    """The full layers, and the model of crops of `side` px."""
    # The package's rows of numbers go down the picture's columns, all channels of a place together.
    x = graph.add("Flatten", graph.add("Transpose", x, perm=[0, 3, 2, 1]))
    x = graph.add("Gemm", x, graph.weight(full.weights), graph.weight(full.bias))
    x = _prelu(graph, x, full)
    weights = np.concatenate([_face_less_none(classes.weights, 1), corners.weights], axis=1)
    bias = np.concatenate([_face_less_none(classes.bias, 0), corners.bias])
    x = graph.add("Gemm", x, graph.weight(weights), graph.weight(bias))
    return graph.to_bytes(["n", side, side, 3], x, ["n", 5])


def _first(layer: Layer) -> Layer:
    conv = take_pixels(Conv(layer.weights, layer.bias), _MEAN, _SCALE)
    return Layer(conv.weights, conv.bias, layer.slope)


def _conv(graph: Graph, x: str, layer: Layer) -> str:
    return graph.conv(x, widen(Conv(layer.weights, layer.bias)), 1, [0] * 4)


def _prelu(graph: Graph, x: str, layer: Layer) -> str:
    """x where it is positive, else slope * x, for slopes up to 1: the larger of both. Four times as fast as ONNX
    Runtime's own PRelu."""
    slope = _slope(layer)
    assert (slope <= 1).all()
    shape = (1, -1, 1, 1) if layer.weights.ndim == 4 else (-1,)
    return graph.add("Max", x, graph.add("Mul", x, graph.weight(slope.reshape(shape))))


def _pooled(graph: Graph, x: str, layer: Layer, *, size: int, same: bool = True) -> str:
    """Convolution, PReLU and the largest of each size x size, two apart. same: half as many, rounded up, padded behind.

    With m the largest x, a slope s that is not negative gives s m + (1 - s) relu(m). For a negative one the largest
    s x is needed as well, l, from channels of its own, and it gives m + relu(l - m).
    """
    slope = _slope(layer)
    count, below = len(slope), np.flatnonzero(slope < 0)
    weights = np.concatenate([layer.weights, layer.weights[below] * slope[below, None, None, None]])
    x = _conv(graph, x, Layer(weights, np.concatenate([layer.bias, layer.bias[below] * slope[below]])))
    x = graph.add("MaxPool", x, kernel_shape=[size] * 2, strides=[2, 2], pads=[0, 0, int(same), int(same)])
    inner, straight = np.zeros((2, count, len(weights)))
    inner[range(count), range(count)] = np.where(slope < 0, -1, 1)
    inner[below, count + np.arange(len(below))] = 1
    straight[range(count), range(count)] = np.where(slope < 0, 1, slope)
    bent = graph.add("Relu", _mixed(graph, x, inner))
    bent = _mixed(graph, bent, np.diag(np.where(slope < 0, 1, 1 - slope)))
    return graph.add("Add", _mixed(graph, x, straight), bent)


def _mixed(graph: Graph, x: str, matrix: Array) -> str:
    """Each channel a sum of channels. matrix: (out, in)."""
    return _conv(graph, x, Layer(matrix[..., None, None], np.zeros(len(matrix))))


def _slope(layer: Layer) -> Array:
    assert layer.slope is not None
    return layer.slope


def _face_less_none(array: Array, axis: int) -> Array:
    """Of the two classes the difference: the softmax of two is the sigmoid of that."""
    none, face = np.split(array, 2, axis)
    return face - none
