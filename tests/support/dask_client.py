"""What tests let another process do with a Dask cluster: `python -m tests.support.dask_client WHAT …`.

Another process, for Dask starts threads and warns of things that are no test's business.
"""

import os
import signal
import sys
import threading
from pathlib import Path

from faced.errors import FacedError, Unreadable
from faced.faces import cluster
from faced.faces.cluster import ClusterPool
from faced.faces.encode import Progress, encode_photos
from faced.faces.pool import WorkerFailed
from faced.faces.worker import Source, Task
from faced.model import EncodedPicture
from faced.pictures.hashing import image_key
from faced.store.database import open_store
from tests.support.dask_cluster import LIMIT
from tests.support.encoding import NOW, Album, settings_at

__all__: list[str] = []


def encode(address: str, base: str, group: str, after: str) -> None:
    """The album of `base`; the process group is killed when so many photos are done (0: never)."""
    victims = [int(group)] if int(after) else []

    def progress(now: Progress) -> None:
        if now.done >= int(after) and victims:
            os.killpg(victims.pop(), signal.SIGKILL)

    with open_store(Path(base) / "state") as store:
        album = Album(Path(base), store)
        album.scan()
        settings = settings_at(Path(base) / "nowhere" / "models")
        report = encode_photos(store, settings, cluster=address, clock=lambda: NOW, progress=progress)
    print(f"encoded {report.encoded} later {report.later} failed {report.failed}")


def ways(address: str, photo: str, there: str) -> None:
    """Bytes and file of one job are two photos, so that the result tells which was used.

    photo: sent as the file; there: what the workers are told to read, with what it should be.
    """
    data, real = Path(photo).read_bytes(), Path(there).read_bytes()
    settings = settings_at(Path("/nowhere"))
    pool = ClusterPool(address)
    try:
        root = os.fsencode(Path(there).parent)
        for name in [there] * 5:
            source = Source(os.fsencode(name), root, len(real), image_key(real))
            picture = pool.submit(Task(settings, data, want_faces=False, source=source)).result(LIMIT)
            assert isinstance(picture, EncodedPicture)
            print(picture.width, picture.height)
    finally:
        pool.close()


def fail(address: str, photo: str) -> None:
    """How jobs end that do not end well."""
    settings = settings_at(Path("/nowhere"))
    pool = ClusterPool(address, timeout=30)
    for data in (b"no photo", Path(photo).read_bytes()):
        _tell(pool, Task(settings, data))
    pool.close()
    _tell(pool, Task(settings, b""))


def lose(address: str, photo: str, scheduler: str) -> None:
    """The scheduler is killed before a job ends."""
    pool = ClusterPool(address)
    settings = settings_at(Path("/nowhere"))
    data = Path(photo).read_bytes()
    pool.submit(Task(settings, data)).result(LIMIT)
    futures = [pool.submit(Task(settings, data)) for _ in range(20)]
    os.kill(int(scheduler), signal.SIGKILL)
    print(futures[-1].exception(LIMIT))
    _tell(pool, Task(settings, data))
    closing = threading.Thread(target=pool.close)
    closing.start()
    closing.join(LIMIT)
    assert not closing.is_alive()


def desert(address: str, photo: str, group: str) -> None:
    """The only worker is killed, and nobody has the patience of a minute."""
    cluster._NO_WORKER = 3.0  # type: ignore[misc]
    pool = ClusterPool(address)
    task = Task(settings_at(Path("/nowhere")), Path(photo).read_bytes())
    pool.submit(task).result(LIMIT)
    os.killpg(int(group), signal.SIGKILL)
    _tell(pool, task)
    pool.close()


def _tell(pool: ClusterPool, task: Task) -> None:
    try:
        outcome = pool.submit(task).result(LIMIT)
    except (Unreadable, WorkerFailed) as error:
        print(type(error).__name__, error.reason)
    except FacedError as error:
        print(type(error).__name__, error)
    else:
        assert isinstance(outcome, EncodedPicture)
        print(len(outcome.faces or ()), "faces")


if __name__ == "__main__":
    try:
        {"encode": encode, "ways": ways, "fail": fail, "lose": lose, "desert": desert}[sys.argv[1]](
            *sys.argv[2:]
        )
    except FacedError as error:
        print(error)
        sys.exit(error.exit_status)
