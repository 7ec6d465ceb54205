"""MTCNN's first two networks as ONNX graphs.

Pure: weights in, the bytes of a model out, the same bytes every time. Both take the pixels as they are; the
package's (pixel - 127.5) / 128 is folded into the first convolution. Their two outputs become one: how
surely a face (a logit: its sigmoid is the package's probability), and left, top, right and bottom corner,
as shifts from the cell's or crop's own, in its sides.
"""

import numpy as np

from faced.faces.engine.convert_graph import Graph, take_pixels
from faced.faces.engine.dat import Conv
from faced.faces.engine.mtcnn_weights import Array, Layer, parse_layers

__all__ = ["convert_pnet", "convert_rnet"]

_MEAN, _SCALE = (127.5,) * 3, 128


def convert_pnet(data: bytes) -> bytes:
    """The proposing network: (n, h, w, 3) pixels -> (n, 5, h', w') logit and corners of the cells.

    data: the checked weights. Cell (r, c) looks at the 12 px from (2 c, 2 r) on, h' = ceil((h - 2) / 2) - 4.
    """
    first, second, third, corners, classes = parse_layers(data)
    graph = Graph()
    x = _prelu(graph, _conv(graph, graph.planes(), _first(first)), first)
    x = graph.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    x = _steepen(graph, x, first)
    for layer in (second, third):
        x = _prelu(graph, _conv(graph, x, layer), layer)
    weights = np.concatenate([_face_less_none(classes.weights, 0), corners.weights])
    bias = np.concatenate([_face_less_none(classes.bias, 0), corners.bias])
    x = _conv(graph, x, Layer(weights, bias))
    return graph.to_bytes(["n", "h", "w", 3], x, ["n", 5, "oh", "ow"])


def convert_rnet(data: bytes) -> bytes:
    """The refining network: (n, 24, 24, 3) crops -> (n, 5) logit and corners. data: the checked weights."""
    first, second, third, full, corners, classes = parse_layers(data)
    graph = Graph()
    x = _prelu(graph, _conv(graph, graph.planes(), _first(first)), first)
    x = graph.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1])
    x = _steepen(graph, x, first)
    x = _prelu(graph, _conv(graph, x, second), second)
    x = graph.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2])
    x = _prelu(graph, _conv(graph, x, third), third)
    # The package's rows of numbers go down the picture's columns, all channels of a place together.
    x = graph.add("Flatten", graph.add("Transpose", x, perm=[0, 3, 2, 1]))
    x = graph.add("Gemm", x, graph.weight(full.weights), graph.weight(full.bias))
    x = _prelu(graph, x, full)
    weights = np.concatenate([_face_less_none(classes.weights, 1), corners.weights], axis=1)
    bias = np.concatenate([_face_less_none(classes.bias, 0), corners.bias])
    x = graph.add("Gemm", x, graph.weight(weights), graph.weight(bias))
    return graph.to_bytes(["n", 24, 24, 3], x, ["n", 5])


def _first(layer: Layer) -> Layer:
    conv = take_pixels(Conv(layer.weights, layer.bias), _MEAN, _SCALE)
    return Layer(conv.weights, conv.bias)


def _conv(graph: Graph, x: str, layer: Layer) -> str:
    return graph.conv(x, Conv(layer.weights, layer.bias), 1, [0] * 4)


def _prelu(graph: Graph, x: str, layer: Layer) -> str:
    """x where it is positive, else slope * x, but for slopes above 1: the larger of both. Four times as fast as
    ONNX Runtime's own PRelu."""
    return _bent(graph, "Max", x, np.minimum(_slope(layer), 1))


def _steepen(graph: Graph, x: str, layer: Layer) -> str:
    """The rest of `_prelu` for slopes above 1, behind the pooling, which such a slope leaves as it is."""
    return _bent(graph, "Min", x, np.maximum(_slope(layer), 1))


def _bent(graph: Graph, which: str, x: str, slope: Array) -> str:
    return graph.add(which, x, graph.add("Mul", x, graph.weight(slope)))


def _slope(layer: Layer) -> Array:
    assert layer.slope is not None
    return layer.slope.reshape((1, -1, 1, 1) if layer.weights.ndim == 4 else (-1,))


def _face_less_none(array: Array, axis: int) -> Array:
    """Of the two classes the difference: the softmax of two is the sigmoid of that."""
    none, face = np.split(array, 2, axis)
    return face - none
