"""The connection to a Dask scheduler: made, checked, and its faults told plainly. Imports Dask."""

import logging
import time
import warnings
from collections.abc import Mapping
from typing import Any, Final

import dask
from distributed import Client

from faced.errors import FacedError

__all__ = ["connect", "count_threads", "find_skew"]

_CLIENT: Final[Any] = Client  # hardly typed
_ANSWER: Final = 10.0  # s, within which a scheduler answers
_WORKERS: Final = 15.0  # s, within which there is a worker

_LOGGERS: Final = ("distributed", "distributed.client")
"""Of the client; its own one has a level of its own, and writes a traceback when a scheduler stays away for 10 s."""

_ALIKE: Final = ("python", "dask", "distributed", "msgpack", "cloudpickle")
"""What must be the same everywhere; of Python the first two numbers, of the others the first."""


def connect(address: str) -> Any:
    """A client of a cluster that has a worker at least. Raises FacedError."""
    for name in _LOGGERS:  # what matters is told by us
        logging.getLogger(name).setLevel(logging.CRITICAL)
    dask.config.set({"distributed.admin.large-graph-warning-threshold": "4 GiB"})  # photos travel in graphs
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of versions: see below
            client = _CLIENT(address, timeout=_ANSWER, set_as_default=False, name="faced")
    except Exception as error:
        raise FacedError(_no_answer(address, error)) from None
    try:
        _check(client, address)
    except BaseException:
        client.close(timeout=5)
        raise
    return client


def count_threads(client: Any) -> int:
    """Of all workers there are now."""
    return int(sum(client.nthreads().values()))


def _check(client: Any, address: str) -> None:
    try:
        skew = find_skew(client.get_versions())
        if skew:
            raise FacedError(f"the Dask cluster at {address} cannot be used: {skew}; install the same there")
        deadline = time.monotonic() + _WORKERS
        while not count_threads(client):
            if time.monotonic() > deadline:
                raise FacedError(
                    f"the Dask scheduler at {address} has no worker: start one with `dask worker {address}`"
                )
            time.sleep(0.2)
    except FacedError:
        raise
    except Exception as error:
        raise FacedError(_no_answer(address, error)) from None


def _no_answer(address: str, error: Exception) -> str:
    return (
        f"no Dask scheduler that faced understands answers at {address} ({type(error).__name__}: {error}): "
        "start one there with `dask scheduler`, or take encode.cluster out of the configuration"
    )


def find_skew(versions: Mapping[str, Any]) -> str | None:
    """What differs too much between this client, the scheduler and the workers, in plain words.

    versions: as Client.get_versions returns them.
    """
    ours = versions["client"]["packages"]
    others = {"the scheduler": versions["scheduler"], **versions["workers"]}
    for who, theirs in others.items():
        if not theirs:
            continue  # a worker that is just leaving
        for package in _ALIKE:
            mine, other = ours.get(package), theirs["packages"].get(package)
            if _mark(package, mine) != _mark(package, other):
                return f"{who} has {package} {other}, here it is {mine}"
    return None


def _mark(package: str, version: object) -> list[str]:
    return str(version).split(".")[: 2 if package == "python" else 1]
