"""Which pool encodes: worker processes here, or the workers of a Dask cluster.

Nothing of Dask is imported, and no connection made, unless the configuration names a cluster.
"""

from importlib.util import find_spec

from faced.errors import ConfigError
from faced.faces.pool import EncodePool, Pool
from faced.faces.worker import EngineSettings

__all__ = ["check_pool", "make_pool"]


def check_pool(cluster: str | None) -> None:
    """Raises ConfigError when the pool that is configured can never be made."""
    if cluster is not None and find_spec("distributed") is None:
        raise ConfigError(
            f"encode.cluster: {cluster} needs the package distributed: pip install 'faced[dask]'"
            " (or take the key out: then this machine encodes)"
        )


def make_pool(
    engine: EngineSettings, workers: int, *, timeout: float, memory: int | None, cluster: str | None = None
) -> Pool:
    """workers: processes here. cluster: address of a Dask scheduler. Raises ConfigError or FacedError.

    timeout: seconds for a small file. memory: bytes of address space of a worker process, ignored where
    there are accelerators: their drivers reserve address space without end.
    """
    limit = None if engine.providers else memory
    if cluster is None:
        return EncodePool(workers, timeout=timeout, memory=limit)
    check_pool(cluster)
    from faced.faces.cluster import ClusterPool

    return ClusterPool(cluster, timeout=timeout, memory=limit)
