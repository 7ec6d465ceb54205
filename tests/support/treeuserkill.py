"""A user at work and a pass after each of his deeds, to be killed at any system call.

Usage: python -m tests.support.treeuserkill FOLDER. Each step is noted when it is done, so that `work` goes on where
another process has died; a deed that was done but not noted is not done twice.
"""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.support.treewords import SECOND, WordWorld, open_words

__all__ = ["EDITS", "LINKS", "PICTURES", "work"]

EDITS = [
    ("name", 1, "Anna"),
    ("anchor", 1, [1, 2, 3, 4]),
    ("name", 2, "Oma"),
    ("anchor", 2, [4, 5, 6]),
    ("place", 2, "Family/Oma"),
    ("reject", 1, [2]),
    ("name", 1, "Bea"),
    ("anchor", 1, [1, 3, 4]),
    ("hide", 3, None),
    ("show", 3, None),
    ("pin", 1, [8]),
    ("reject", 1, [9]),
]
LINKS = [
    *("Bea/1.jpg", "Bea/3.jpg", "Bea/4.jpg"),
    *("Family/Oma/4.jpg", "Family/Oma/5.jpg", "Family/Oma/6.jpg"),
    *("Person 3/7.jpg", "Person 3/8.jpg"),
    *("Person 5/1.jpg", "Person 5/9.jpg"),
]

PICTURES = ["_Suggestions/Bea/0.40 7.jpg", "_Unsorted/1.jpg", "_Unsorted/2.jpg"]


def want(world: WordWorld, step: int) -> None:
    """What the library and the clustering say at this step."""
    for image in range(1, 10):
        world.photo(image, f"a/{image}.jpg")
    world.person(1, [1, 2, 3, 4])
    world.person(2, [4, 5, 6])
    world.person(3, [7, 8])
    world.person(5, [])
    if step >= 3:
        world.photo(1, "b/1.jpg")
        world.person(5, [1, 9])
        world.propose(1, [7, 8, 9])
        world.propose(0, [1, 2])


def move(old: str, new: str) -> Callable[[WordWorld], None]:
    def deed(world: WordWorld) -> None:
        target = world.people / new
        target.parent.mkdir(exist_ok=True)
        with suppress(FileNotFoundError):
            (world.people / old).rename(target)

    return deed


def unlink(path: str) -> Callable[[WordWorld], None]:
    return lambda world: (world.people / path).unlink(missing_ok=True)


def run(wait: int = 0) -> Callable[[WordWorld], None]:
    def deed(world: WordWorld) -> None:
        world.run(wait)

    return deed


STEPS = [
    run(),
    move("Person 1", "Anna"),
    run(),
    run(),
    move("Person 2", "Family/Oma"),
    run(),
    unlink("Anna/2.jpg"),
    run(),
    run(11),
    move("Anna", "Bea"),
    move("Person 3", "../trash"),
    run(),
    run(11),
    move("../trash", "Person 3"),
    run(),
    move("_Suggestions/Bea/0.40 8.jpg", "Bea/8.jpg"),
    run(),
    unlink("_Suggestions/Bea/0.40 9.jpg"),
    run(),
    run(11),
]


def work(world: WordWorld) -> None:
    """All the steps that are not noted yet."""
    noted = world.folder / "user"
    noted.mkdir(exist_ok=True)
    world.now += 100 * SECOND * len(os.listdir(noted))
    for number, step in enumerate(STEPS):
        if not (noted / str(number)).exists():
            want(world, number)
            step(world)
            (noted / str(number)).touch()
    want(world, len(STEPS))


def main() -> None:
    """The whole work, from the beginning."""
    with open_words(Path(sys.argv[1])) as world:
        work(world)


if __name__ == "__main__":
    main()
