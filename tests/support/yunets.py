"""Small YuNet files for tests: the real one's inputs and outputs, but what they take for faces is red."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["make_yunet"]


def make_yunet(path: Path, fixed: int | None = None, without: str = "") -> Path:
    """A file whose every cell of 8, 16 and 32 px is as sure as its middle is red; a box is 4 cells a side, about the
    cell's corner. fixed: px, side of the only input that it takes. without: an output that it lacks."""
    side: list[int | str] = [fixed, fixed] if fixed else ["h", "w"]
    nodes, outputs, constants = [], [], []

    def constant(name: str, values: object, kind: type) -> str:
        constants.append(numpy_helper.from_array(np.array(values, kind), name))
        return name

    # BGR: how much redder than green.
    weights = np.zeros((1, 3, 1, 1), np.float32)
    weights[0, :, 0, 0] = (0, -1 / 255, 1 / 255)
    constants.append(numpy_helper.from_array(weights, "weights"))
    nodes.append(helper.make_node("Conv", ["input", "weights"], ["red"], kernel_shape=[1, 1]))
    flat, four = constant("flat", [1, -1, 1], np.int64), constant("four", [1, 1, 4], np.int64)
    zero, log4 = constant("zero", 0, np.float32), constant("log4", np.log(4), np.float32)
    two = constant("two", [0, 0, 1, 1], np.float32)
    for stride in (8, 16, 32):
        nodes += [
            helper.make_node(
                "AveragePool", ["red"], [f"p{stride}"], kernel_shape=[stride] * 2, strides=[stride] * 2
            ),
            helper.make_node("Relu", [f"p{stride}"], [f"r{stride}"]),
            helper.make_node("Reshape", [f"r{stride}", flat], [f"cls_{stride}"]),
            helper.make_node("Identity", [f"cls_{stride}"], [f"obj_{stride}"]),
            helper.make_node("Mul", [f"cls_{stride}", zero], [f"z{stride}"]),
            helper.make_node("Add", [f"z{stride}", log4], [f"l{stride}"]),
            helper.make_node("Tile", [f"l{stride}", four], [f"t{stride}"]),
            helper.make_node("Mul", [f"t{stride}", two], [f"bbox_{stride}"]),
        ]
        for kind, last in (("cls", 1), ("obj", 1), ("bbox", 4)):
            if f"{kind}_{stride}" != without:
                outputs.append(
                    helper.make_tensor_value_info(f"{kind}_{stride}", TensorProto.FLOAT, [1, None, last])
                )
    if without:  # its name must not stand in the file at all
        for node in nodes:
            for names in (node.input, node.output):
                for place, name in enumerate(names):
                    names[place] = "hidden" if name == without else name
    graph = helper.make_graph(
        nodes,
        "yunet",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, *side])],
        outputs,
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path
