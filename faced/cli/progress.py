"""A bar with rate and time left on a terminal; silence elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from faced.faces.encode import Progress as Encoding
from faced.passes.full import Observer

__all__ = ["observe"]


@contextmanager
def observe(*, quiet: bool) -> Iterator[Observer]:
    """Show a pass on standard error while the block runs."""
    console = Console(file=sys.stderr)
    if quiet or not console.is_terminal:
        yield Observer(step=lambda _: None, encoding=lambda _: None, comparing=lambda *_: None)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None, rate="")

        def step(words: str) -> None:
            bar.update(task, description=words, total=None, completed=0, rate="")

        def encoding(now: Encoding) -> None:
            rate = f"{now.rate:.1f} photos/s" if now.done else ""
            bar.update(task, total=now.total, completed=now.done, rate=rate)

        def comparing(done: int, total: int) -> None:
            if done >= total:
                step("deciding who is who")
            else:
                bar.update(task, description="comparing faces", total=total, completed=done, rate="")

        yield Observer(step, encoding, comparing)
