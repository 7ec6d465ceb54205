"""The process that decides keeps what it frees."""

import subprocess
import sys

import pytest

SCRIPT = """
import resource
import numpy as np
from faced.passes.decider import keep_freed_memory

def count_faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        parts = [np.ones(375_000) for _ in range(10)]  # 30 MB
        del parts
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

count_faults()
given_back = count_faults()
keep_freed_memory()
count_faults()
print(given_back, count_faults())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_memory_that_is_freed_is_not_asked_for_again() -> None:
    """Page faults of columns that come and go: every time, and hardly any once it is kept."""
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    given_back, kept = map(int, run.stdout.split())
    if given_back < 1000:
        pytest.skip("this malloc gives nothing back")
    assert kept < given_back / 10
