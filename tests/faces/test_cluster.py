"""Encoding on a Dask cluster: a real scheduler and real workers, lost, foreign, blind or not there."""

import os
import pickle
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from faced import __version__
from faced.demo import DemoLibrary
from faced.errors import FacedError, Unreadable
from faced.faces import cluster_job
from faced.faces.cluster_job import ClusterJob, Done, Lacking, Raised, Refused, run_job
from faced.faces.engine.proposals import Proposals
from faced.faces.pool import EncodePool, WorkerFailed
from faced.faces.worker import EngineSettings, Source, Task
from faced.model import EncodedPicture
from faced.pictures.hashing import image_key
from faced.store.database import open_store
from tests.support.app import App
from tests.support.daemon import running
from tests.support.dask_cluster import LIMIT, DaskCluster, dask_cluster
from tests.support.encoding import Album, settings_at
from tests.support.photos import face_jpeg, jpeg

pytest.importorskip("distributed", reason="needs faced[dask]")

PHOTOS = 5
FACES = """SELECT key, box_left, box_top, box_width, box_height, landmarks, score, side, sharpness, embedding
    FROM faces JOIN images ON images.id = image ORDER BY key, box_left, box_top"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> Iterator[DaskCluster]:
    """Two workers that see all files; to be left as it is."""
    with dask_cluster(tmp_path_factory.mktemp("dask") / "cluster", model_cache, workers=2) as made:
        yield made


def client(*words: object, status: int = 0, more: Mapping[str, str] = {}) -> str:
    """What the script prints."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.dask_client", *map(str, words)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([".", os.environ.get("PYTHONPATH", "")]), **more},
        capture_output=True,
        text=True,
        timeout=2 * LIMIT,
        check=False,
    )
    assert done.returncode == status, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


def make_album(base: Path, demo: DemoLibrary, photos: int) -> None:
    """The demo's first photos in a library that nobody has looked at."""
    base.mkdir()
    for number, name in enumerate(sorted(demo.photos)[:photos]):
        (base / "lib").mkdir(exist_ok=True)
        shutil.copy2(demo.folder / name, base / "lib" / f"{number}{Path(name).suffix}")


def stored(base: Path) -> list[tuple[Any, ...]]:
    """All that is known of the faces of an album."""
    with open_store(base / "state") as store:
        return Album(base, store).rows(FACES)


@pytest.fixture(scope="module")
def at_home(tmp_path_factory: pytest.TempPathFactory, demo: DemoLibrary) -> list[tuple[Any, ...]]:
    """What this machine's own pool finds in the album."""
    base = tmp_path_factory.mktemp("home") / "album"
    make_album(base, demo, PHOTOS)
    pool = EncodePool(2)
    with open_store(base / "state") as store:
        album = Album(base, store)
        album.scan()
        album.encode(pool)
    pool.close()
    found = stored(base)
    assert len(found) > PHOTOS
    return found


@pytest.mark.parametrize("allowed", ["3", "0"])
def test_a_lost_machine_costs_only_time(
    tmp_path: Path, model_cache: Path, demo: DemoLibrary, at_home: list[tuple[Any, ...]], allowed: str
) -> None:
    """One of two machines dies in the middle: every photo is encoded, to the bit as at home.

    allowed: lost workers of one job until Dask gives it up; then faced itself tries again.
    """
    make_album(tmp_path / "album", demo, PHOTOS)
    environment = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": allowed}
    with dask_cluster(tmp_path / "dask", model_cache, 1, environment) as cluster:
        victim = cluster.start_worker()
        told = client("encode", cluster.address, tmp_path / "album", victim, 2)
        assert not cluster.is_running(victim)
    assert told == f"encoded {PHOTOS} later 0 failed 0\n"
    assert stored(tmp_path / "album") == at_home


def test_machines_that_see_no_file_get_the_bytes(
    tmp_path: Path, model_cache: Path, demo: DemoLibrary, at_home: list[tuple[Any, ...]]
) -> None:
    """A worker in whose mount namespace the library is empty gives the same result."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("needs root and unshare")
    make_album(tmp_path / "album", demo, PHOTOS)
    script = f"mount -t tmpfs none '{tmp_path / 'album'}' && exec \"$@\""
    with dask_cluster(tmp_path / "dask", model_cache) as cluster:
        cluster.start_worker(under=["unshare", "-m", "sh", "-c", script, "sh"])
        told = client("encode", cluster.address, tmp_path / "album", 0, 0)
        log = (cluster.base / "worker-1.log").read_text()
    if "Registered" not in log:
        pytest.skip("may not unshare here")
    assert told == f"encoded {PHOTOS} later 0 failed 0\n"
    assert stored(tmp_path / "album") == at_home


def test_a_photo_that_the_workers_can_read_is_not_sent(cluster: DaskCluster, tmp_path: Path) -> None:
    """By path where the file there is the one that is meant, else as bytes, time after time."""
    (tmp_path / "here.jpg").write_bytes(jpeg(16, 12))
    (tmp_path / "there.jpg").write_bytes(jpeg(40, 30))
    assert client("ways", cluster.address, tmp_path / "here.jpg", tmp_path / "there.jpg") == "40 30\n" * 5


def test_the_way_may_be_encrypted(tmp_path: Path, model_cache: Path) -> None:
    """`tls://` with certificates where Dask's own configuration says."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=faced"]
    subprocess.run([*words, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    tls = "DASK_DISTRIBUTED__COMM__TLS__"
    environment = {
        "DASK_DISTRIBUTED__COMM__DEFAULT_SCHEME": "tls",
        "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "True",
        f"{tls}CA_FILE": str(certificate),
        **{f"{tls}{role}__KEY": str(key) for role in ("SCHEDULER", "WORKER", "CLIENT")},
        **{f"{tls}{role}__CERT": str(certificate) for role in ("SCHEDULER", "WORKER", "CLIENT")},
    }
    (tmp_path / "face.jpg").write_bytes(face_jpeg())
    with dask_cluster(tmp_path / "dask", model_cache, 1, environment) as cluster:
        assert cluster.address.startswith("tls://")
        lines = client("fail", cluster.address, tmp_path / "face.jpg", more=environment).splitlines()
    assert lines[1:] == ["1 faces", "WorkerFailed was given up"]


def test_failures_are_told_as_at_home(cluster: DaskCluster, tmp_path: Path) -> None:
    """A file that is no photo, a good one, and a job after the pool was closed."""
    (tmp_path / "face.jpg").write_bytes(face_jpeg())
    lines = client("fail", cluster.address, tmp_path / "face.jpg").splitlines()
    assert lines[0].startswith("Unreadable ")
    assert lines[1:] == ["1 faces", "WorkerFailed was given up"]


def test_a_cluster_that_cannot_work_says_so(tmp_path: Path, model_cache: Path) -> None:
    """No worker; one without faced; the last worker goes; the scheduler goes: nobody waits for ever, and no photo is blamed."""
    photo = tmp_path / "face.jpg"
    photo.write_bytes(face_jpeg())
    cluster = DaskCluster(tmp_path / "dask", model_cache)
    try:
        scheduler = cluster.start_scheduler()
        told = client("fail", cluster.address, photo, status=1)
        assert f"the Dask scheduler at {cluster.address} has no worker: start one with `dask worker " in told

        without = cluster.start_worker(with_faced=False)
        told = client("fail", cluster.address, photo).splitlines()[0]
        assert told == (
            f"FacedError the Dask cluster at {cluster.address} has a worker without faced: "
            f"install faced[dask] {__version__} there"
        )
        cluster.kill(without)

        worker = cluster.start_worker()
        told = client("desert", cluster.address, photo, worker)
        assert told == f"FacedError the Dask cluster at {cluster.address} has no worker any more\n"

        cluster.start_worker()
        lines = client("lose", cluster.address, photo, scheduler).splitlines()
    finally:
        cluster.stop()
    assert len(lines) == 2
    for line in lines:
        assert f"the Dask cluster at {cluster.address} " in line
    assert lines[1].startswith("FacedError ")


def configure(app: App, text: str) -> None:
    """Add to the configuration."""
    path = app.home / "config" / "faced" / "config.yaml"
    path.write_text(path.read_text() + text)


def test_sync_on_a_cluster_makes_the_same_folders(small: App, cluster: DaskCluster) -> None:
    """The installed command, told so by its configuration."""
    configure(small, f"encode: {{cluster: '{cluster.address}'}}\n")
    done = small.sync()
    assert done.stderr == ""
    assert len(small.groups()) == 3


def test_the_daemon_encodes_on_a_cluster_and_lives_on_without(
    known: App, tmp_path: Path, model_cache: Path
) -> None:
    """A photo that comes is read by the worker; one that comes when the cluster is gone waits for it, and that is said."""
    hers = "2014/IMG_0007.jpg"
    with Image.open(known.photos / hers) as portrait:
        for quality in (90, 80):
            portrait.save(known.home / f"{quality}.jpg", quality=quality)
    with dask_cluster(tmp_path / "dask", model_cache, 1) as cluster:
        configure(known, f"library: {{settle: 0.3 s}}\nencode: {{cluster: '{cluster.address}'}}\n")
        with running(known) as daemon:
            daemon.wait_for_folders(lambda folders: len(folders) == 3)
            known.add(known.home / "90.jpg", "comes.jpg")
            daemon.wait_for_link("comes.jpg", beside=hers)
            cluster.stop()
            known.add(known.home / "80.jpg", "waits.jpg")
            daemon.wait_for_log(f"Dask cluster at {cluster.address}")
            status = daemon.wait_for_status(lambda status: status["queued"] == 1)
            assert status["quarantined"] == []
            daemon.wait_for_link("comes.jpg", beside=hers)


def test_without_a_scheduler_sync_says_where_and_what_to_do(small: App) -> None:
    """A port at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    configure(small, f"encode: {{cluster: '{address}'}}\n")
    done = small.sync(status=1)
    assert f"no Dask scheduler that faced understands answers at {address}" in done.stderr
    assert "dask scheduler" in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_the_extra_sync_says_what_to_install(small: App) -> None:
    """The package `distributed` is not there: wrong configuration, and the command that helps."""
    configure(small, "encode: {cluster: 'tcp://127.0.0.1:8786'}\n")
    script = (
        "import sys; sys.modules['distributed'] = None; from faced.__main__ import main; "
        "sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "sync", small.photos, "--people", small.people],
        env=small.environment,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "pip install 'faced[dask]'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_promise_9_no_network_unless_a_cluster_is_configured(small: App) -> None:
    """A whole pass opens no internet socket, and imports nothing of Dask."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    trace = small.home / "trace"
    under = ["strace", "-f", "-qq", "-o", str(trace), "-e", "trace=socket,connect,openat"]
    done = small.sync(under=under, status=None, timeout=600)
    if "ptrace" in done.stderr.lower() and done.returncode:
        pytest.skip("strace may not trace here")
    assert done.returncode == 0, done.stderr
    calls = trace.read_text("utf-8", "replace")
    assert "/pebble/" in calls
    assert "AF_INET" not in calls
    assert "/distributed/" not in calls


# The far end, in this process


@pytest.fixture
def far_end(monkeypatch: pytest.MonkeyPatch, model_cache: Path) -> Iterator[None]:
    """What a Dask worker keeps, of this test only."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(model_cache))
    monkeypatch.setattr(cluster_job, "_pools", {})
    monkeypatch.setattr(cluster_job, "_ready", set())
    yield
    for pool in cluster_job._pools.values():
        pool.close()


def job(task: Task, **changes: Any) -> bytes:
    """A job as it travels."""
    made = ClusterJob(task, task.engine.record.key, timeout=60, memory=None)
    return pickle.dumps(replace(made, **changes))


def source_of(file: Path, data: bytes) -> Source:
    """As if `data` had been read from the file."""
    return Source(os.fsencode(file), os.fsencode(file.parent), len(data), image_key(data))


HEADER: dict[str, Any] = {"want_faces": False}


@pytest.mark.usefixtures("far_end")
def test_only_the_file_that_is_meant_is_read(tmp_path: Path) -> None:
    """Another picture, another size, a file or a root that is not there: the bytes are asked for."""
    settings = settings_at(tmp_path)
    meant, file = jpeg(16, 12), tmp_path / "a.jpg"
    task = Task(settings, None, source=source_of(file, meant), **HEADER)
    assert run_job(__version__, job(task), 1) == Lacking("data")
    for other in (jpeg(16, 12, seed=1), meant + b"\0"):
        file.write_bytes(other)
        assert run_job(__version__, job(task), 1) == Lacking("data")
    file.write_bytes(meant)
    answer = run_job(__version__, job(task), 1)
    assert isinstance(answer, Done)
    assert isinstance(answer.outcome, EncodedPicture)
    assert answer.outcome.width == 16


@pytest.mark.usefixtures("far_end")
def test_what_a_photo_raises_comes_back_as_a_value(tmp_path: Path) -> None:
    """So that Dask neither logs it as its own nor tries again; also through a pickle."""
    answer = run_job(__version__, job(Task(settings_at(tmp_path), b"no photo")), 1)
    assert isinstance(answer, Raised)
    error = pickle.loads(pickle.dumps(answer)).error  # noqa: S301
    assert isinstance(error, Unreadable)
    failed = pickle.loads(pickle.dumps(WorkerFailed("took long", blamed=True)))  # noqa: S301
    assert (failed.reason, failed.blamed) == ("took long", True)


@pytest.mark.usefixtures("far_end")
def test_the_engine_has_its_time_apart_from_the_photo(tmp_path: Path) -> None:
    """Too little time to open the engine is an error of the worker, not of the photo."""
    answer = run_job(__version__, job(Task(settings_at(tmp_path), face_jpeg()), timeout=1e-3), 1)
    assert isinstance(answer, Raised)
    assert isinstance(answer.error, FacedError)


def test_a_worker_of_another_version_refuses(tmp_path: Path) -> None:
    """Before it unpickles anything; and one whose vectors would be others, by whatever reason."""
    answer = run_job("0.0.1", b"not even a pickle", 1)
    assert isinstance(answer, Refused)
    assert "0.0.1" in answer.reason
    assert __version__ in answer.reason
    answer = run_job(__version__, job(Task(settings_at(tmp_path), b""), key="0" * 32), 1)
    assert isinstance(answer, Refused)


@pytest.mark.usefixtures("far_end")
def test_a_proposal_file_travels_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine has no such file, is sent it, and keeps it."""
    from hashlib import sha256

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    weights = b"a proposal network"
    proposals = Proposals("yunet", (sha256(weights).hexdigest(),), tmp_path / "yunet.onnx")
    settings = EngineSettings("dlib-onnx", 800, 2, tmp_path, proposals)
    lean = ClusterJob(Task(settings, jpeg(), **HEADER), settings.record.key, 60, None)
    assert run_job(__version__, pickle.dumps(lean), 1) == Lacking("proposals")
    found = cluster_job._find_proposals(replace(lean, proposals=weights), tmp_path / "cache" / "faced")
    assert found is not None
    assert found.path is not None
    assert found.path.read_bytes() == weights
    assert found.sha256 == proposals.sha256
    assert cluster_job._find_proposals(lean, tmp_path / "cache" / "faced") == found


def test_versions_that_cannot_work_together_are_named() -> None:
    """Of the packages and of Python whatever counts; a later release of the same kind does not."""
    script = """
from faced.faces.cluster_connect import find_skew
ours = {"python": "3.11.7.final.0", "dask": "2026.8.0", "distributed": "2026.8.0", "msgpack": "1.1.0",
        "cloudpickle": "3.1.0"}
def skew(**theirs):
    return find_skew({"client": {"packages": ours}, "scheduler": {"packages": ours},
                      "workers": {"tcp://w": {"packages": {**ours, **theirs}}, "tcp://gone": None}})
print(skew(), skew(python="3.11.9.final.0"), skew(distributed="2026.9.1"))
print(skew(python="3.12.1.final.0"))
print(skew(distributed="2025.1.0"))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=LIMIT, check=True
    )
    assert done.stdout.splitlines() == [
        "None None None",
        "tcp://w has python 3.12.1.final.0, here it is 3.11.7.final.0",
        "tcp://w has distributed 2025.1.0, here it is 2026.8.0",
    ]
