"""Accelerators that are not there, misspelt, or in the way of the memory limit."""

import multiprocessing
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from faced.config import PROVIDERS, parse_config
from faced.errors import ConfigError
from faced.faces.engine import open_engine
from faced.faces.engine.session import onnxruntime, use_providers
from faced.faces.pools import make_pool
from faced.faces.worker import Notice, Task
from tests.support.app import App
from tests.support.encoding import settings_at
from tests.support.portrait import portrait

ABSENT = "CANNExecutionProvider"
"""Of no machine that tests run on."""

LIMIT = 120  # s


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Accelerators are chosen for the whole process."""
    yield
    use_providers(())


def test_what_is_not_there_is_done_by_the_cpu(model_cache: Path) -> None:
    """One sentence, and the same faces to the bit."""
    plain = open_engine("dlib-onnx", cache=model_cache).find_faces(portrait())
    told = use_providers([ABSENT])
    assert told == f"providers: {ABSENT} is not part of this ONNX Runtime; the CPU is used instead"
    assert open_engine("dlib-onnx", cache=model_cache).find_faces(portrait()) == plain
    assert plain


def test_what_is_there_is_used(model_cache: Path) -> None:
    """A provider that ONNX Runtime has beside the CPU passes the trial, and what is missing is left out."""
    names = [name for name in onnxruntime.get_available_providers() if name != "CPUExecutionProvider"]
    if not names:
        pytest.skip("this ONNX Runtime knows the CPU only")
    assert use_providers(names[:1]) is None
    told = use_providers([ABSENT, names[0]])
    assert told is not None
    assert told.endswith(f"{names[0]} is used instead")
    assert open_engine("dlib-onnx", cache=model_cache).find_faces(portrait())


def test_what_does_not_start_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime lists the accelerator, and then cannot make a session on it."""
    names = [ABSENT, *onnxruntime.get_available_providers()]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: names)
    told = use_providers([ABSENT])
    assert told is not None
    assert told.startswith(f"providers: {ABSENT} does not start (")
    assert "\n" not in told


@pytest.mark.parametrize("wrong", [np.nan, 1.0])
def test_what_computes_nonsense_is_left_out(monkeypatch: pytest.MonkeyPatch, wrong: float) -> None:
    """A driver that gives other numbers than the CPU is not trusted with faces."""
    names = [name for name in onnxruntime.get_available_providers() if name != "CPUExecutionProvider"]
    if not names:
        pytest.skip("this ONNX Runtime knows the CPU only")
    plain = onnxruntime.InferenceSession.run

    def broken(self: onnxruntime.InferenceSession, *words: object) -> list[np.ndarray]:
        (out,) = plain(self, *words)
        return [out + wrong * out.max() if names[0] in self.get_providers() else out]

    monkeypatch.setattr(onnxruntime.InferenceSession, "run", broken)
    told = use_providers(names[:1])
    assert told is not None
    assert "computes something else than the CPU" in told


def test_an_accelerator_that_fails_later_costs_no_photo(
    monkeypatch: pytest.MonkeyPatch, model_cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its memory is full in the middle of a photo: the CPU does it, and the log says so once a network."""
    names = [name for name in onnxruntime.get_available_providers() if name != "CPUExecutionProvider"]
    if not names:
        pytest.skip("this ONNX Runtime knows the CPU only")
    plain = open_engine("dlib-onnx", cache=model_cache).find_faces(portrait())
    assert use_providers(names[:1]) is None
    engine = open_engine("dlib-onnx", cache=model_cache)
    run = onnxruntime.InferenceSession.run

    def full(self: onnxruntime.InferenceSession, *words: object) -> list[np.ndarray]:
        if names[0] in self.get_providers():
            raise RuntimeError("out of memory\non the card")
        return run(self, *words)

    monkeypatch.setattr(onnxruntime.InferenceSession, "run", full)
    assert engine.find_faces(portrait()) == plain
    assert engine.find_faces(portrait()) == plain
    lines = [record.getMessage() for record in caplog.records]
    assert set(lines) == {f"providers: {names[0]} failed, a worker goes on with the CPU: out of memory"}
    assert len(lines) <= 4


def test_status_and_the_log_say_what_is_not_there(small: App) -> None:
    """One line each, for as long as it is so; the folders come all the same."""
    path = small.home / "config" / "faced" / "config.yaml"
    before = path.read_text()
    path.write_text(before + f"providers: [{ABSENT}]\n")
    line = f"providers: {ABSENT} is not part of this ONNX Runtime; the CPU is used instead"
    assert small.sync().stderr == f"{line}\n"
    assert len(small.groups()) == 3
    assert line in small.run("status").stdout.splitlines()
    assert small.json("status")["notice"] == line
    path.write_text(before)
    small.sync()
    assert line not in small.run("status").stdout
    assert small.json("status")["notice"] is None


def test_workers_with_an_accelerator_have_no_memory_limit(tmp_path: Path, model_cache: Path) -> None:
    """A driver reserves address space without end; without one the limit holds."""
    for providers, expected in (((ABSENT,), "unlimited"), ((), str(2 << 30))):
        settings = replace(settings_at(model_cache), providers=providers)
        pool = make_pool(settings, 1, timeout=LIMIT, memory=2 << 30)
        try:
            told = pool.submit(Task(settings, None)).result(LIMIT)
            assert isinstance(told, Notice) == bool(providers)
            (worker,) = [p for p in multiprocessing.active_children() if p.name == "pebble_pool_worker"]
            limits = Path(f"/proc/{worker.pid}/limits")
            if not limits.exists():
                pytest.skip("needs /proc")
            (line,) = [row for row in limits.read_text().splitlines() if row.startswith("Max address space")]
            assert line.split()[3] == expected
        finally:
            pool.close()


def test_the_engine_face_recognition_says_that_it_has_none(model_cache: Path) -> None:
    """`providers` is for ONNX Runtime; dlib knows none."""
    pytest.importorskip("face_recognition_models")
    from faced.faces import worker

    settings = replace(settings_at(model_cache), name="face_recognition", providers=(ABSENT,))
    worker._choose_providers(settings)
    assert worker._notices == {settings: Notice("providers: the engine face_recognition knows none")}
    worker._notices.clear()


def test_the_configuration_knows_the_names() -> None:
    """Each of this ONNX Runtime's, but the one that sends pictures away."""
    known = set(onnxruntime.get_all_providers()) - {"AzureExecutionProvider", "CPUExecutionProvider"}
    assert known <= set(PROVIDERS)
    text = "providers: [CUDAExecutionProvider, CPUExecutionProvider]"
    assert parse_config(text, Path("c.yaml")).providers == ("CUDAExecutionProvider",)


@pytest.mark.parametrize(
    "value",
    [
        "[CudaExecutionProvider]",
        "[AzureExecutionProvider]",
        "CUDAExecutionProvider",
        "[CPUExecutionProvider, CUDAExecutionProvider]",
        "[CUDAExecutionProvider, CUDAExecutionProvider]",
    ],
)
def test_a_wrong_name_is_an_error_that_lists_the_right_ones(value: str) -> None:
    """Misspelt, one that leaves the machine, no list, nothing left for it to do, twice."""
    with pytest.raises(ConfigError, match=r"c\.yaml:1: providers must be .*CUDAExecutionProvider"):
        parse_config(f"providers: {value}", Path("c.yaml"))


@pytest.mark.parametrize(
    "value", ["192.168.1.10:8786", "http://host:80", "tcp://host", "tcp://a b:1", "8786"]
)
def test_a_clusters_address_has_a_scheme_a_host_and_a_port(value: str) -> None:
    """What Dask itself would guess about is an error."""
    with pytest.raises(ConfigError, match=r"encode\.cluster must be the address of a Dask scheduler"):
        parse_config(f"encode: {{cluster: '{value}'}}", Path("c.yaml"))
    assert parse_config("encode: {cluster: 'tls://[::1]:8786'}", Path("c.yaml")).encode_cluster
