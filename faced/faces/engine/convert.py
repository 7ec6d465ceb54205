"""dlib's two face networks as ONNX graphs.

Pure: weights in, the bytes of a model out, the same bytes every time.
"""

from collections.abc import Iterator

import numpy as np

from faced.faces.engine.convert_graph import BLOCK, Graph, take_pixels, widen
from faced.faces.engine.dat import Conv, parse_embedding, parse_mmod

__all__ = ["MEAN_RGB", "convert_embedding", "convert_mmod"]

MEAN_RGB = (122.782, 117.001, 104.298)


def convert_mmod(data: bytes) -> bytes:
    """The detector: (n, h, w, 3) pixels -> (n, 1, h', w') scores, h' = (h - 29) // 8 + 1 and so on.

    data: the checked .dat. Cell (r, c) scores the window centred on pixel (8 c + 14, 8 r + 14); above 0
    is a face.
    """
    *convs, last = (widen(conv) for conv in _first_takes_pixels(parse_mmod(data)))
    graph = Graph()
    x = graph.planes()
    for number, conv in enumerate(convs):
        stride, pad = (2, 0) if number < 3 else (1, 2)
        x = graph.add("Relu", graph.conv(x, conv, stride, [pad] * 4))
    x = _nine_by_nine(graph, x, last)
    return graph.to_bytes(["n", "h", "w", 3], x, ["n", 1, "oh", "ow"])


def convert_embedding(data: bytes) -> bytes:
    """The embedding: (n, 150, 150, 3) chips -> (n, 128). data: the checked .dat."""
    weights, matrix = parse_embedding(data)
    convs, graph = iter(_first_takes_pixels(weights)), Graph()
    x = graph.add("Relu", graph.conv(graph.planes(), next(convs), 2, [0] * 4))
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


def _first_takes_pixels(convs: list[Conv]) -> list[Conv]:
    return [take_pixels(convs[0], MEAN_RGB, 256), *convs[1:]]


def _nine_by_nine(graph: Graph, x: str, conv: Conv) -> str:
    """One 9 x 9 convolution to one channel, as its nine columns and their sum: five times as fast."""
    _, cin, k, _ = conv.weights.shape
    count = -(-k // BLOCK) * BLOCK
    columns = np.zeros((count, cin, k, 1))
    columns[:k] = conv.weights[0].transpose(2, 0, 1)[..., None]
    total = np.zeros((1, count, 1, k))
    total[0, range(k), 0, range(k)] = 1
    x = graph.conv(x, Conv(columns, np.zeros(count)), 1, [k // 2] * 4)
    return graph.conv(x, Conv(total, conv.bias), 1, [0] * 4)


def _block(graph: Graph, x: str, convs: Iterator[Conv]) -> str:
    y = graph.add("Relu", graph.conv(x, next(convs), 1, [1] * 4))
    y = graph.conv(y, next(convs), 1, [1] * 4)
    return graph.add("Relu", graph.add("Add", y, x))


def _block_down(graph: Graph, x: str, convs: Iterator[Conv], size: int, more: int) -> tuple[str, int]:
    """A block that halves the picture and adds `more` channels; returns its output and the new size."""
    y = graph.add("Relu", graph.conv(x, next(convs), 2, [0] * 4))
    y = graph.conv(y, next(convs), 1, [1] * 4)
    x = graph.add("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    convolved, pooled = (size - 3) // 2 + 1, (size - 2) // 2 + 1
    size = max(convolved, pooled)
    x = _fill_up(graph, x, more, size - pooled)
    y = _fill_up(graph, y, 0, size - convolved)
    return graph.add("Relu", graph.add("Add", y, x)), size


def _fill_up(graph: Graph, x: str, channels: int, pixels: int) -> str:
    """dlib adds tensors of unlike shape as if the smaller one ended in zeros."""
    if not channels and not pixels:
        return x
    return graph.add("Pad", x, graph.weight(np.array([0, 0, 0, 0, 0, channels, pixels, pixels], np.int64)))
