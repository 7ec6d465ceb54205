"""Run one test again in a child pytest under another command: in a mount namespace, or without root's powers.

The decorated test must take `tmp_path`; the child works below it. The parent reports what the child said.
"""

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

__all__ = ["in_mount_namespace", "without_privileges"]

INSIDE = "FACED_TEST_RERUN"


def in_mount_namespace(test: Callable[..., None]) -> Callable[..., None]:
    """The test may mount: nobody else sees it. Skipped where namespaces are not allowed."""
    prefix = ["unshare", "--mount", "--propagation", "private"]
    if os.geteuid() != 0:
        prefix[1:1] = ["--user", "--map-root-user"]
    return _rerun(test, prefix)


def without_privileges(test: Callable[..., None]) -> Callable[..., None]:
    """The test runs as a user for whom permissions count (root ignores them)."""
    if os.geteuid() != 0:
        return test
    return _rerun(test, ["setpriv", "--bounding-set=-all", "--inh-caps=-all"])


def _rerun(test: Callable[..., None], prefix: list[str]) -> Callable[..., None]:
    @functools.wraps(test)
    def wrapper(tmp_path: Path, **others: object) -> None:
        if os.environ.get(INSIDE):
            test(tmp_path=tmp_path, **others)
            return
        if not shutil.which(prefix[0]) or subprocess.run([*prefix, "true"], capture_output=True).returncode:
            pytest.skip(f"`{' '.join(prefix)}` is not possible here")
        node = os.environ["PYTEST_CURRENT_TEST"].removesuffix(" (call)")
        command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider"]
        child = subprocess.run(
            [*prefix, *command, f"--basetemp={tmp_path / 'inside'}", node],
            cwd=Path(__file__).parents[2],
            env={**os.environ, INSIDE: "1"},
            capture_output=True,
            text=True,
        )
        assert child.returncode == 0, child.stdout + child.stderr
        if " passed" not in child.stdout:
            pytest.skip(child.stdout.strip().splitlines()[-2])

    return wrapper
