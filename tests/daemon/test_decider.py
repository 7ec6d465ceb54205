"""The process that decides keeps what it frees, and ends quietly when nobody listens any more."""

import subprocess
import sys
from pathlib import Path

import pytest

from faced.faces.quality import GATE
from faced.model import EngineId
from faced.passes.decide import Question
from faced.passes.decider import Decider
from faced.people.recluster import Clustering

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


def test_an_answer_that_nobody_waits_for_ends_it_without_a_word(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whoever asked is gone before the answer is there, as when it is killed."""
    decider = Decider()
    decider.warm()
    assert decider._pipe is not None
    assert decider._process is not None
    decider._pipe.send(Question(tmp_path, EngineId(1), Clustering(0.45, 3, GATE, 4)))
    decider._pipe.close()
    decider._process.join(60)
    assert decider._process.exitcode == 0
    assert capfd.readouterr().err == ""
