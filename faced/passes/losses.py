"""The question whether so many photos of a library were deleted for good: when it is asked, kept, and over."""

import time

from faced.library.step import LibraryReport
from faced.model import LibraryId
from faced.store.asks import Ask, add_ask, delete_asks, load_asks
from faced.store.database import Store

__all__ = ["find_ask", "follow_losses"]


def find_ask(store: Store, library: LibraryId) -> Ask | None:
    """What is asked about the library, answered or not."""
    asks = (ask for ask in load_asks(store.db) if ask.kind == "library")
    return next((ask for ask in asks if ask.details.get("library") == library), None)


def follow_losses(store: Store, library: LibraryId, ask: Ask | None, report: LibraryReport) -> None:
    """Ask, or let what is asked go, as a look at the library found. ask: as it was before that look.

    A question, and a no, stand until more is lost than they were about, or nothing is held any more.
    """
    stands = ask is not None and ask.answer is not True and report.lost <= ask.details.get("lost", 0)
    is_new = report.held and not stands
    is_over = ask is not None and (is_new or not report.held)
    if report.going or not (is_new or is_over):
        return
    with store.write() as db:
        if ask is not None:
            delete_asks(db, [ask.id])
        if is_new:
            text = f"{report.problem}. Were they deleted for good? With a no they are kept"
            add_ask(db, "library", text, {"library": library, "lost": report.lost}, time.time_ns())
