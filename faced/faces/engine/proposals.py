"""Who proposes faces to the detector, as the configuration names it: MTCNN, a YuNet file, or nobody.

Looks at a named file once, without any library for networks: is it there, and can it be a YuNet. Its hash
stays with the answer, so that a file that changes later is a new engine and never mixed with the old one.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from faced.errors import ConfigError

__all__ = ["MTCNN", "NONE", "YUNET_OUTPUTS", "Proposals", "read_proposals", "resolve_proposals"]

YUNET_OUTPUTS: Final = tuple(f"{kind}_{stride}" for kind in ("cls", "obj", "bbox") for stride in (8, 16, 32))
"""What a YuNet file (of 2023 or later) gives, by the pixels from one cell to the next."""

_PNET = "ea6b0c3e685ebee3165326ad6484acc95f2ef78f1c94fbf40a55704fa989f7b5"
_RNET = "cb00e6460f3c98b0bfafaba3c0a0ded4bdf6e62cee7174d969e8670d7e757fee"
_ONET = "94f6ea2f4cf985275ee958cdd762d17b6009348a4fb9d8c6be39ba73ffd22ca3"
_LARGEST: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class Proposals:
    """name: `mtcnn`, `yunet` or `none`. sha256: of each file of weights. path: of a YuNet file, else None."""

    name: str
    sha256: tuple[str, ...] = ()
    path: Path | None = None

    def __str__(self) -> str:
        """Name and hashes: what an engine's record says of it. A file that moves stays the same."""
        return " ".join((self.name, *self.sha256))


NONE: Final = Proposals("none")
MTCNN: Final = Proposals("mtcnn", (_PNET, _RNET, _ONET))


def resolve_proposals(text: str) -> Proposals:
    """What `detect.proposals` means: `mtcnn`, `none`, or the path of a YuNet file. Raises ConfigError."""
    if text in ("mtcnn", "none"):
        return MTCNN if text == "mtcnn" else NONE
    path = Path(text)
    data = _read(path)
    missing = next((name for name in YUNET_OUTPUTS if name.encode() not in data), None)
    if missing:
        raise ConfigError(
            f"detect.proposals: {path} is no YuNet face detector of 2023 or later: it has no output {missing}"
        )
    return Proposals("yunet", (hashlib.sha256(data).hexdigest(),), path)


def read_proposals(proposals: Proposals) -> bytes:
    """The bytes of the YuNet file, proven to be the ones that were looked at. Raises ConfigError."""
    assert proposals.path is not None
    data = _read(proposals.path)
    if hashlib.sha256(data).hexdigest() not in proposals.sha256:
        raise ConfigError(f"detect.proposals: {proposals.path} has changed since faced began; start it again")
    return data


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise ConfigError(f"detect.proposals: {path} cannot be read: {error.strerror}") from None
    if len(data) > _LARGEST:
        raise ConfigError(f"detect.proposals: {path} is too large for a YuNet face detector")
    return data
