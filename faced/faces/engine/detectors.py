"""The detector of dlib's MMOD network, opened as the configuration wants it: with a proposer, or alone."""

from pathlib import Path

import numpy as np

from faced.errors import ConfigError
from faced.faces.engine.cache import cached_model
from faced.faces.engine.cascade import CascadeDetector
from faced.faces.engine.dat import MMOD, parse_mmod_options, read_model
from faced.faces.engine.mmod import MmodNet, PyramidDetector
from faced.faces.engine.mtcnn import Mtcnn
from faced.faces.engine.mtcnn_weights import ONET, PNET, RNET, read_weights
from faced.faces.engine.proposals import MTCNN, NONE, Proposals, read_proposals
from faced.faces.engine.protocol import Detector
from faced.faces.engine.session import Network, open_session
from faced.faces.engine.tiles import Halvings
from faced.faces.engine.yunet import Yunet

__all__ = ["open_detector"]


def open_detector(proposals: Proposals, detect_size: int, cache: Path, *, lying: bool) -> Detector:
    """Ready to run. detect_size: px, longer side of the picture searched. cache: folder of converted models.
    lying: whether MTCNN looks for large faces that lie as well."""
    net = MmodNet(Network(cached_model(cache, MMOD, _convert_mmod)), parse_mmod_options(read_model(MMOD)))
    if proposals == NONE:
        return PyramidDetector(net, detect_size)
    if proposals == MTCNN:
        mtcnn = Mtcnn(
            Network(cached_model(cache, PNET, _convert_pnet, read_weights)),
            Network(cached_model(cache, RNET, _convert_rnet, read_weights)),
            Network(cached_model(cache, ONET, _convert_onet, read_weights)),
            detect_size,
        )
        return CascadeDetector(net, mtcnn, mtcnn.propose_large if lying else None)
    return CascadeDetector(net, _open_yunet(proposals, detect_size))


def _open_yunet(proposals: Proposals, detect_size: int) -> Yunet:
    model = read_proposals(proposals)
    try:
        yunet = Yunet(open_session(model), str(proposals.path), detect_size)
        yunet.propose(Halvings(np.zeros((64, 64, 3), np.uint8)))
    except ConfigError:
        raise
    except Exception as error:
        words = str(error).strip().splitlines() or [repr(error)]
        raise ConfigError(
            f"detect.proposals: {proposals.path} does not work as a YuNet face detector: {words[0][:120]}"
        ) from None
    return yunet


# Imported only when a model must be made: the package onnx costs a worker 30 MB.
def _convert_mmod(data: bytes) -> bytes:
    from faced.faces.engine.convert import convert_mmod

    return convert_mmod(data)


def _convert_pnet(data: bytes) -> bytes:
    from faced.faces.engine.convert_mtcnn import convert_pnet

    return convert_pnet(data)


def _convert_rnet(data: bytes) -> bytes:
    from faced.faces.engine.convert_mtcnn import convert_rnet

    return convert_rnet(data)


def _convert_onet(data: bytes) -> bytes:
    from faced.faces.engine.convert_mtcnn import convert_onet

    return convert_onet(data)
