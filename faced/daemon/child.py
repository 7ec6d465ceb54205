"""The working process of `faced run`: takes the state, shuts itself in, and runs the daemon until it is to end.

What is imported before the kernel's rules stand must start no thread, for a thread would not be bound by them.
"""

import logging
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from faced.config import load_config
from faced.daemon.logs import set_up_logging
from faced.daemon.parent import RESTART, attach_to_parent, is_child
from faced.daemon.service import Outdated, Service
from faced.errors import ConfigError, Damaged, FacedError
from faced.passes import steps
from faced.passes.places import Places, Run, check_named, choose_places, open_run
from faced.sandbox import SWITCHED_OFF, Sandbox, confine, identity_of, is_shut_out
from faced.store.database import DATABASE, Store, prepare_state
from faced.store.locks import hold_run, read_holder
from faced.store.tree import load_tree

__all__ = ["run_child"]

_log = logging.getLogger("faced")
SYNC = "sync"


def run_child(state: Path | None, config: Path | None, libraries: Sequence[Path], people: Path | None) -> int:
    """Run the daemon. Returns the exit status; RESTART when a new process is to go on. Raises FacedError."""
    if is_child():
        attach_to_parent()
    set_up_logging()
    run = open_run(state, config)
    check_named(run, libraries, people)
    prepare_state(run.state)
    try:
        with _hold_state(run.state), _prepare(run, libraries, people) as (store, places, sandbox, fits):
            Service(run, store, places, sandbox, fits).serve(lambda: _reload(run, config))
    except Damaged as error:
        _log.error("%s", error)
        return RESTART
    except Outdated:
        _log.info("beginning anew")
        return RESTART
    return 0


@contextmanager
def _hold_state(state: Path) -> Iterator[None]:
    """The state for ourselves. Waits for a `faced sync` that is under way; a second daemon is an error."""
    with hold_run(state, "run") as mine:
        if mine:
            yield
            return
    holder = read_holder(state)
    if holder is not None and holder.command != SYNC:
        raise FacedError(
            f"faced runs already with the state in {state} (process {holder.pid}); "
            "stop that one first, or use another state with --state DIR"
        )
    _log.info("waiting until `faced sync` is done")
    with hold_run(state, "run", patience=math.inf):
        yield


@contextmanager
def _prepare(
    run: Run, libraries: Sequence[Path], people: Path | None
) -> Iterator[tuple[Store, Places, Sandbox, Callable[[Places], bool]]]:
    with steps.open_state(run) as store:
        places = choose_places(store, run, libraries, people)
        _make_people(store, places.people)
        writable = _writable(run, places)
        if run.config.sandbox == "off":
            sandbox = SWITCHED_OFF
        else:
            sandbox = confine([path for path in writable if os.path.isdir(path)], files=[b"/dev/null"])
        _log.info("%s", sandbox.text)
        yield store, places, sandbox, _remember(run, places, sandbox)


def _remember(run: Run, places: Places, sandbox: Sandbox) -> Callable[[Places], bool]:
    """What says whether the rules still mean the folders that are there; one that is away has none to mean."""
    kept = (os.fsencode(run.state), os.fsencode(run.cache), places.people)
    identities = {path: identity_of(path) for path in kept}
    inside = (os.path.join(os.fsencode(run.state), DATABASE.encode()), os.path.join(places.people, b".faced"))

    def fits(now: Places) -> bool:
        if now.people != places.people:
            return False
        if not sandbox.active:
            return True
        is_other = any(identity_of(path) not in (None, identities[path]) for path in kept)
        return not is_other and not any(map(is_shut_out, inside))

    return fits


def _make_people(store: Store, root: bytes) -> None:
    """A people folder that was never there before must be there before rules can be made for it."""
    known = load_tree(store.db)
    if known is None or known.place is None or known.root != root:
        os.makedirs(root, mode=0o777, exist_ok=True)


def _writable(run: Run, places: Places) -> tuple[bytes, ...]:
    """All that faced may write to; its temporary files lie in its state."""
    temporary = run.state / "tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(mode=0o700)
    os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
    run.cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    return (os.fsencode(run.state), os.fsencode(run.cache), places.people, b"/dev/shm")


def _reload(run: Run, path: Path | None) -> None:
    """A new configuration is for a new process; a broken one is said once, and the old one stays."""
    try:
        new = load_config(path)
    except ConfigError as error:
        for line in str(error).splitlines():
            _log.error("%s", line)
        _log.error("the configuration stays as it was")
        return
    if new != run.config:
        _log.info("the configuration has changed")
        raise Outdated
    _log.info("the configuration is as it was")
