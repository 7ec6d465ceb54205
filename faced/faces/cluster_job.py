"""The far end of a cluster's pool: what a Dask worker does with one job.

The job runs in worker processes of our own beside the Dask worker, confined as they are at home: a photo
that crashes, hangs or eats the memory costs its process there and never the Dask worker. They live on, so
that models are loaded once. Photos are read here where the file is the one that is meant; what is lacking
is said, never guessed.
"""

import hashlib
import logging
import multiprocessing
import os
import pickle
import tempfile
import threading
from dataclasses import dataclass, replace
from pathlib import Path

from faced import __version__
from faced.errors import FacedError, Unreadable
from faced.faces.engine.proposals import Proposals
from faced.faces.pool import EncodePool, WorkerFailed
from faced.faces.reader import read_file
from faced.faces.worker import EngineSettings, NeedsRoom, Notice, Outcome, Task

__all__ = ["Answer", "ClusterJob", "Done", "Lacking", "Raised", "Refused", "run_job"]


@dataclass(frozen=True, slots=True)
class ClusterJob:
    """A task on its way. Without data it is read from its source; without a source, only the engine is opened.

    key: of the engine's record where the vectors are stored. timeout, memory: as of EncodePool.
    proposals: content of the file that the engine's proposals name.
    """

    task: Task
    key: str
    timeout: float
    memory: int | None
    proposals: bytes | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What encode_task returned."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Raised:
    """What encode_task raised, or WorkerFailed."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Lacking:
    """The job is to be sent again with this: `data` or `proposals`."""

    what: str


@dataclass(frozen=True, slots=True)
class Refused:
    """This worker is not one for such jobs: a phrase that continues the sentence "it …"."""

    reason: str


Answer = Done | Raised | Lacking | Refused

_lock = threading.Lock()
_pools: dict[tuple[float, int | None], EncodePool] = {}
_ready: set[tuple[EncodePool, EngineSettings]] = set()


def run_job(version: str, payload: bytes, workers: int) -> Answer:
    """Called in a thread of a Dask worker. version: of the faced that asks. payload: a pickled ClusterJob.

    workers: jobs that this Dask worker does at a time.
    """
    if version != __version__:
        return Refused(f"runs faced {__version__}, this is faced {version}: install the same there")
    job: ClusterJob = pickle.loads(payload)  # noqa: S301 - as everything that Dask sends
    cache = _cache()
    proposals = _find_proposals(job, cache)
    if proposals is None:
        return Lacking("proposals")
    settings = replace(job.task.engine, cache=cache, proposals=proposals)
    if settings.record.key != job.key:
        return Refused(
            f"makes other vectors than this faced, though both are {version}: install it anew there"
        )
    task = _complete(replace(job.task, engine=settings))
    if task is None:
        return Lacking("data")
    try:
        pool = _open_pool(job.timeout, job.memory, workers)
        _get_ready(pool, settings)
        return Done(pool.submit(task).result())
    except (Unreadable, NeedsRoom, FacedError, WorkerFailed) as error:
        return Raised(error)


def _cache() -> Path:
    """Of this machine's user: models are converted once on each."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "faced"


def _complete(task: Task) -> Task | None:
    """With its bytes; None when they cannot be had here."""
    source = task.source
    if task.data is not None or source is None:
        return task
    read = read_file(source.file, source.root)
    if isinstance(read, Unreadable):
        return None
    data, _, key = read
    return replace(task, data=data) if (len(data), key) == (source.size, source.key) else None


def _find_proposals(job: ClusterJob, cache: Path) -> Proposals | None:
    """The job's, with a file of this machine; None when that is not here."""
    proposals = job.task.engine.proposals
    if proposals.path is None:
        return proposals
    (wanted,) = proposals.sha256
    path = cache / f"proposals-{wanted}.onnx"
    if not _is_there(path, wanted):
        if job.proposals is None:
            return None
        _write(path, job.proposals)
    return replace(proposals, path=path)


def _is_there(path: Path, sha256: str) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    except OSError:
        return False


def _write(path: Path, data: bytes) -> None:
    """The whole file or nothing: several workers of one machine may do this at once."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with open(handle, "wb") as file:
        file.write(data)
    os.replace(name, path)


def _open_pool(timeout: float, memory: int | None, workers: int) -> EncodePool:
    with _lock:
        _allow_children()
        known = _pools.get((timeout, memory))
        if known is None:
            known = _pools[timeout, memory] = EncodePool(workers, timeout=timeout, memory=memory)
        return known


def _get_ready(pool: EncodePool, settings: EngineSettings) -> None:
    """The engine opens once before a photo is held to its time."""
    with _lock:
        if (pool, settings) not in _ready:
            told = _open_engine(pool, settings)
            if isinstance(told, Notice):
                logging.getLogger("distributed.worker").warning("faced: %s", told.text)
            _ready.add((pool, settings))


def _open_engine(pool: EncodePool, settings: EngineSettings) -> Outcome:
    try:
        return pool.submit(Task(settings, None)).result()
    except WorkerFailed as error:  # else it would be held against the photo
        raise FacedError(
            f"the engine {settings.name} cannot be used there: a process that only opened it {error.reason}"
        ) from None


def _allow_children() -> None:
    """Dask's nanny starts workers as daemonic processes, which may have no children.

    That rule keeps orphans from being left behind; ours end with their parent by themselves.
    """
    config = getattr(multiprocessing.current_process(), "_config", {})
    if config.get("daemon"):
        config["daemon"] = False
