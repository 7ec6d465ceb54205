"""The configuration: one table of keys, a YAML file over their defaults.

Every fault of a file is named at once, with its line and what was expected. Reads one file; decides
nothing about what the values are used for.
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from faced.errors import ConfigError

__all__ = ["KEYS", "Config", "Key", "default_config_file", "load_config", "parse_config"]


@dataclass(frozen=True, slots=True)
class Config:
    """What the file said, or the default. Sizes in px, times in seconds, memory in bytes."""

    libraries: tuple[Path, ...] | None = None
    people_folder: Path | None = None
    people_min_photos: int = 3
    people_settle: float = 3.0
    people_second_look: float = 10.0
    people_links: str = "absolute"
    people_by_year: bool = False
    library_exclude: tuple[str, ...] = ()
    library_settle: float = 2.0
    library_rescan: float = 6 * 3600.0
    library_rescan_network: float = 300.0
    library_watch: bool = True
    engine: str = "dlib-onnx"
    detect_size: int = 800
    detect_proposals: str = "mtcnn"
    detect_turned: bool = True
    embed_views: int = 2
    encode_workers: int | None = None
    encode_timeout: float = 60.0
    encode_memory: int = 3 << 30
    encode_cluster: str | None = None
    providers: tuple[str, ...] = ()
    cluster_eps: float | None = None
    cluster_min_samples: int | None = None
    identity_suggest: float | None = None
    recluster_every: float = 600.0
    sandbox: str = "auto"


Reader = Callable[[object, Path], object]


@dataclass(frozen=True, slots=True)
class Key:
    """One key: the field it fills, how its value is read, and what to say was expected."""

    field: str
    read: Reader
    expected: str


def _integer(least: int, most: int) -> Reader:
    def read(value: object, _: Path) -> object:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError
        return value

    return read


def _number(above: float, most: float) -> Reader:
    def read(value: object, _: Path) -> object:
        if isinstance(value, bool) or not isinstance(value, int | float) or not above < value <= most:
            raise ValueError
        return float(value)

    return read


def _with_unit(units: dict[str, int], above: float, most: float) -> Reader:
    def read(value: object, _: Path) -> object:
        number, unit = value, ""
        if isinstance(value, str):
            match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([A-Za-z]*)\s*", value)
            if match is None or match.group(2) not in units:
                raise ValueError
            number, unit = float(match.group(1)), match.group(2)
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise ValueError
        scaled = float(number) * units[unit]
        if not above < scaled <= most:
            raise ValueError
        return scaled

    return read


def _choice(*choices: object) -> Reader:
    def read(value: object, _: Path) -> object:
        if isinstance(value, bool) or value not in choices:
            raise ValueError
        return value

    return read


def _truth(value: object, _: Path) -> object:
    if not isinstance(value, bool):
        raise ValueError
    return value


def _auto_or_off(value: object, _: Path) -> object:
    if value not in ("auto", False, "off"):  # YAML reads a bare `off` as false
        raise ValueError
    return "auto" if value == "auto" else "off"


def _proposals(value: object, folder: Path) -> object:
    if value in ("mtcnn", "none"):
        return value
    if not isinstance(value, str) or not value.lower().endswith(".onnx"):
        raise ValueError
    return str(_path(value, folder))


def _path(value: object, folder: Path) -> object:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError
    return folder / Path(value).expanduser()


def _list_of(one: Reader) -> Reader:
    def read(value: object, folder: Path) -> object:
        if not isinstance(value, list):
            raise ValueError
        return tuple(one(item, folder) for item in value)

    return read


def _text(value: object, _: Path) -> object:
    if not isinstance(value, str) or not value:
        raise ValueError
    return value


def _cluster(value: object, _: Path) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"(tcp|tls)://[^\s/@]+:[0-9]{1,5}", value):
        raise ValueError
    return value


_CPU = "CPUExecutionProvider"
PROVIDERS = (
    "CUDAExecutionProvider",
    "TensorrtExecutionProvider",
    "NvTensorRTRTXExecutionProvider",
    "ROCMExecutionProvider",
    "MIGraphXExecutionProvider",
    "OpenVINOExecutionProvider",
    "DnnlExecutionProvider",
    "XnnpackExecutionProvider",
    "CoreMLExecutionProvider",
    "DmlExecutionProvider",
    "WebGpuExecutionProvider",
    "WebNNExecutionProvider",
    "JsExecutionProvider",
    "VitisAIExecutionProvider",
    "QNNExecutionProvider",
    "NnapiExecutionProvider",
    "VSINPUExecutionProvider",
    "RknpuExecutionProvider",
    "CANNExecutionProvider",
    "ACLExecutionProvider",
    "ArmNNExecutionProvider",
)
"""ONNX Runtime's names for accelerators. The one of Azure is none of them: it sends data away."""


def _providers(value: object, folder: Path) -> object:
    names = _list_of(_choice(*PROVIDERS, _CPU))(value, folder)
    assert isinstance(names, tuple)
    accelerators = tuple(name for name in names if name != _CPU)
    if len(set(names)) != len(names) or (_CPU in names and names[-1] != _CPU):
        raise ValueError  # what comes after the CPU would never be used
    return accelerators


def _bytes(value: object, folder: Path) -> object:
    units = {"": 1, "MiB": 1 << 20, "GiB": 1 << 30, "MB": 10**6, "GB": 10**9}
    size = _with_unit(units, (512 << 20) - 1, 1 << 50)(value, folder)
    assert isinstance(size, float)
    return int(size)


_SECONDS = {"": 1, "s": 1, "min": 60, "h": 3600}

KEYS: dict[str, Key] = {
    "libraries": Key("libraries", _list_of(_path), "a list of folders"),
    "people.folder": Key("people_folder", _path, "a folder"),
    "people.min_photos": Key("people_min_photos", _integer(1, 1000), "a whole number from 1 to 1000"),
    "people.settle": Key("people_settle", _with_unit(_SECONDS, 0, 60), "a time above 0, at most 60 s"),
    "people.second_look": Key(
        "people_second_look", _with_unit(_SECONDS, 0, 3600), "a time above 0, such as 10 s"
    ),
    "people.links": Key("people_links", _choice("absolute", "relative"), "absolute or relative"),
    "people.by_year": Key("people_by_year", _truth, "true or false"),
    "library.exclude": Key("library_exclude", _list_of(_text), "a list of patterns"),
    "library.settle": Key("library_settle", _with_unit(_SECONDS, 0, 3600), "a time above 0, such as 2 s"),
    "library.rescan": Key(
        "library_rescan", _with_unit(_SECONDS, 0, 30 * 86400), "a time above 0, such as 6 h"
    ),
    "library.rescan_network": Key(
        "library_rescan_network", _with_unit(_SECONDS, 0, 30 * 86400), "a time above 0, such as 5 min"
    ),
    "library.watch": Key("library_watch", _truth, "true or false"),
    "engine": Key("engine", _choice("dlib-onnx", "face_recognition"), "dlib-onnx or face_recognition"),
    "detect.size": Key("detect_size", _integer(160, 8000), "a whole number of pixels from 160 to 8000"),
    "detect.proposals": Key("detect_proposals", _proposals, "mtcnn, none, or a YuNet file (FILE.onnx)"),
    "detect.turned": Key("detect_turned", _truth, "true or false"),
    "embed.views": Key("embed_views", _choice(1, 2, 6), "1, 2 or 6"),
    "encode.workers": Key("encode_workers", _integer(1, 256), "a whole number from 1 to 256"),
    "encode.timeout": Key("encode_timeout", _with_unit(_SECONDS, 0, 86400), "a time above 0, such as 60 s"),
    "encode.memory": Key("encode_memory", _bytes, "a size of at least 512 MiB, such as 3 GiB"),
    "encode.cluster": Key(
        "encode_cluster", _cluster, "the address of a Dask scheduler, such as tcp://192.168.1.10:8786"
    ),
    "providers": Key(
        "providers",
        _providers,
        f"a list of {', '.join(PROVIDERS[:-1])} or {PROVIDERS[-1]}, each once, and {_CPU} last if at all",
    ),
    "cluster.eps": Key("cluster_eps", _number(0, 2), "a number above 0, at most 2"),
    "cluster.min_samples": Key("cluster_min_samples", _integer(1, 1000), "a whole number from 1 to 1000"),
    "identity.suggest": Key("identity_suggest", _number(0, 2), "a number above 0, at most 2"),
    "recluster.every": Key(
        "recluster_every", _with_unit(_SECONDS, 0, 86400), "a time above 0, such as 10 min"
    ),
    "sandbox": Key("sandbox", _auto_or_off, "auto or off"),
}
"""Every key there is. A new one joins its room's prefix; config.example.yaml explains each (tested)."""

SECTIONS = frozenset(key.partition(".")[0] for key in KEYS if "." in key)


def default_config_file() -> Path:
    """$XDG_CONFIG_HOME/faced/config.yaml; it need not exist."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "faced" / "config.yaml"


def load_config(path: Path | None) -> Config:
    """The file's configuration; without a path that of the default place, or the defaults.

    Raises ConfigError that names every fault, one a line.
    """
    if path is None:
        path = default_config_file()
        if not path.exists():
            return Config()
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text") from error
    return parse_config(text, path)


def parse_config(text: str, path: Path) -> Config:
    """The values of a YAML text; `path` is what its faults are told with, and what folders are relative to."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"{path}:{mark.line + 1}" if mark else str(path)
        raise ConfigError(f"{line}: this is not YAML ({getattr(error, 'problem', None) or error})") from error
    if root is None:
        return Config()
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(f"{path}:1: expected keys and values, such as `detect: {{size: 800}}`")
    values: dict[str, object] = {}
    faults: list[str] = []
    for name, node in _flatten(root, "", faults, str(path)):
        _read_one(name, node, path, values, faults)
    if faults:
        raise ConfigError("\n".join(faults))
    return Config(**values)  # type: ignore[arg-type]


def _read_one(name: str, node: yaml.Node, path: Path, values: dict[str, object], faults: list[str]) -> None:
    where = f"{path}:{node.start_mark.line + 1}"
    key = KEYS.get(name)
    if key is None:
        faults.append(f"{where}: unknown key {name}{_nearest(name)}")
    elif key.field in values:
        faults.append(f"{where}: {name} is given twice")
    else:
        value = _construct(node)
        try:
            values[key.field] = key.read(value, path.absolute().parent)
        except ValueError:
            faults.append(f"{where}: {name} must be {key.expected}, got {value!r}")


def _nearest(name: str) -> str:
    last = name.rpartition(".")[2]
    alike = [key for key in KEYS if key.rpartition(".")[2] == last]
    return f" (did you mean {alike[0]}?)" if alike else ""


def _flatten(
    node: yaml.MappingNode, prefix: str, faults: list[str], path: str
) -> Iterator[tuple[str, yaml.Node]]:
    for key, value in node.value:
        name = prefix + str(key.value)
        if name in SECTIONS and isinstance(value, yaml.MappingNode):
            yield from _flatten(value, name + ".", faults, path)
        elif name in SECTIONS and _construct(value) is None:
            continue
        elif name in SECTIONS:
            faults.append(
                f"{path}:{value.start_mark.line + 1}: {name} must hold keys, got {_construct(value)!r}"
            )
        else:
            yield name, value


def _construct(node: yaml.Node) -> object:
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_object(node, deep=True)
    except yaml.YAMLError:
        return node.value
    finally:
        loader.dispose()
