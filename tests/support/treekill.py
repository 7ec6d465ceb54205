"""A run of the folder step through three wanted states, to be killed at any of its system calls.

Usage: python -m tests.support.treekill FOLDER. `make_strangers` and `want` are also how its test knows what to expect.
"""

import sys
from pathlib import Path

from tests.support.treeworld import TreeWorld, open_world

__all__ = ["STATES", "STRANGERS", "make_strangers", "want"]

STATES = 3
STRANGERS = {
    "notes.txt": "a",
    "Person 3/mine.txt": "b",
    "Person 5/holiday.txt": "c",
}


def make_strangers(people: Path) -> None:
    """Files of somebody else, made before the first run; one in the place of a folder to be."""
    for name, content in STRANGERS.items():
        path = people / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def want(world: TreeWorld, state: int) -> None:
    """The state's persons and photos: links and face pictures made, dropped, led elsewhere, renamed, folders of every
    kind.
    """
    for image in range(1, 9):
        world.photo(image, f"a/{image}.jpg")
    world.persons = {}
    if state == 0:
        world.person(1, [1, 2, 3])
        world.person(2, [3, 4])
        world.person(6, [1, 8])
        world.person(7, [2])
        world.propose(1, [5, 6])
        world.propose(0, [7, 8])
        return
    world.photo(1, "b/1.jpg")
    world.photo(2, "a/oma.jpg")
    world.photo(4)
    world.person(1, [1, 2, 5], "Anna")
    world.person(3, [5, 6])
    world.propose(1, [6, 7])
    world.propose(0, [8])
    if state == 1:
        world.person(6, [1, 8], "Ben")
        return
    world.propose(0, [])
    world.propose(6, [4])
    world.photo(8, "c/8.jpg", "a/9.jpg")
    world.photo(1, "c/1.jpg")
    world.person(1, [1, 2, 5, 7], "Ben")
    world.person(6, [1, 8], "Anna")


def main() -> None:
    """Sync state after state."""
    with open_world(Path(sys.argv[1])) as world:
        for state in range(STATES):
            want(world, state)
            world.sync()
            junk = world.people / "Person 7" / "Thumbs.db"
            if state == 0:
                junk.write_text("junk")


if __name__ == "__main__":
    main()
