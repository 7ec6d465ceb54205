"""The people folder in the hands of real programs: what they leave on the disk is understood, and nothing is lost.

Each works on a home of its own with three persons who have names. What a client does in several steps is read when
it is over, or waits for the second look.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from faced.demo import DemoLibrary
from faced.passes.say import take_back
from tests.stories.test_names import NAMES, name_all, names_of
from tests.support.app import App
from tests.support.clients import (
    Client,
    CopyClient,
    Dolphin,
    Gio,
    Nautilus,
    Rsync,
    Samba,
    Shell,
    samba_server,
)
from tests.support.inside import Inside

ZOE = NAMES["p3"]
CLIENTS = ["shell", "copy", "rsync", "gio", "nautilus", "dolphin", "samba"]


@dataclass
class Desk:
    """Somebody's home, and the program that is used there."""

    app: App
    inside: Inside
    client: Client

    def read(self) -> None:
        """A pass over the people folder, with its second look."""
        self.inside.sync()

    def shows(self, folder: str) -> set[str]:
        """The photos to which links of a folder lead."""
        return {os.path.realpath(link) for link in (self.app.people / folder).iterdir() if link.is_symlink()}

    def link(self, folder: str, beside: str | None = None) -> Path:
        """A link of a folder, to a photo that is not in the other one."""
        others = set() if beside is None else self.shows(beside)
        links = (self.app.people / folder).iterdir()
        return min(link for link in links if link.is_symlink() and os.path.realpath(link) not in others)


@pytest.fixture(params=CLIENTS)
def desk(known: App, demo: DemoLibrary, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A synced home of Anna, Ben and Zoë; every photo must be what it was in the end."""
    with ExitStack() as stack:
        client = make_client(request.param, known, stack)
        known.sync()
        name_all(known, demo)
        inside = Inside(known)
        inside.sync()
        photos = {path: path.read_bytes() for path in known.photos.rglob("*") if path.is_file()}
        yield Desk(known, inside, client)
        assert {path: path.read_bytes() for path in known.photos.rglob("*") if path.is_file()} == photos


def make_client(name: str, app: App, stack: ExitStack) -> Client:
    """Skips where the program is not installed."""
    kinds = {"shell": Shell, "copy": CopyClient, "rsync": Rsync, "gio": Gio, "samba": Samba}
    for program in kinds[name].needs if name in kinds else ():
        if shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None:
            pytest.skip(f"{program} is not installed")
    match name:
        case "gio":
            return Gio(app.home)
        case "samba":
            return stack.enter_context(samba_server(app.home, app.home.parent / "smb"))
        case "nautilus":
            return Nautilus(app.home / ".local" / "share" / "Trash")
        case "dolphin":
            return Dolphin(app.people / f".Trash-{os.getuid()}")
        case "copy":
            return CopyClient()
        case "rsync":
            return Rsync()
    return Shell()


def test_what_clients_do_is_understood_and_nothing_is_lost(desk: Desk) -> None:
    """One after the other, for a home takes longer to make than to work in."""
    copy_links(desk)
    copy_a_folder(desk)
    do_a_days_work(desk)
    move_a_link(desk)


def do_a_days_work(desk: Desk) -> None:
    """Named anew, moved into another folder, a link deleted, a folder thrown away: each is what it is for faced."""
    app, client, people = desk.app, desk.client, desk.app.people
    anna, ben, zoe = desk.shows("Anna"), desk.shows("Ben"), desk.shows(ZOE)
    client.move(people / "Anna", people / "Hanna")
    client.make_folder(people / "Family")
    client.move(people / "Ben", people / "Family" / "Ben")
    desk.read()
    assert sorted(names_of(app).values()) == sorted(["Hanna", "Ben", ZOE])
    assert desk.shows("Hanna") == anna
    assert {row["name"]: row["folder"] for row in app.json("people")}["Ben"] == "Family/Ben"
    assert desk.shows("Family/Ben") == ben
    link = desk.link("Hanna")
    photo = os.path.realpath(link)
    client.delete(link)
    desk.read()
    assert desk.shows("Hanna") == anna - {photo}
    for path in (people / ZOE).iterdir():
        if not path.is_symlink():
            client.delete(path)  # what was copied into it before
    client.delete(people / ZOE)
    desk.read()
    assert not (people / ZOE).exists()
    assert not desk.inside.sync(), "it is understood, and nothing is done again"
    if isinstance(client, Nautilus):
        client.restore(people / ZOE)
        desk.read()
    else:
        desk.inside.say(take_back, 1)
    assert desk.shows(ZOE) == zoe
    assert sorted(names_of(app).values()) == sorted(["Hanna", "Ben", ZOE])


def move_a_link(desk: Desk) -> None:
    """It is in the new folder afterwards, and not in the old one."""
    link = desk.link("Hanna", beside="Family/Ben")
    photo, target = os.path.realpath(link), desk.app.people / "Family" / "Ben" / link.name
    desk.client.move(link, target)
    desk.read()
    assert photo in desk.shows("Family/Ben")
    assert photo not in desk.shows("Hanna")
    assert not desk.inside.sync()


def copy_links(desk: Desk) -> None:
    """Into another folder, and beside itself: `IMG (copy).jpg`, `IMG (Kopie).jpg`. What was copied stays, whatever it is."""
    client, people = desk.client, desk.app.people
    anna, zoe = desk.shows("Anna"), desk.shows(ZOE)
    other = desk.link("Anna", beside=ZOE)
    target = people / ZOE / f"copied {other.name}"
    client.copy(other, target)
    content = target.read_bytes()
    link = desk.link("Anna")
    tag = client.copy_tag if isinstance(client, Nautilus) else "copy"
    beside = link.with_stem(f"{link.stem} ({tag})")
    client.copy(link, link if isinstance(client, Nautilus) else beside)
    desk.read()
    assert content == other.read_bytes() == target.read_bytes()
    assert beside.read_bytes() == link.read_bytes()
    assert desk.shows("Anna") == anna
    assert desk.shows(ZOE) >= zoe
    assert not desk.inside.sync()
    client.delete(beside)
    client.delete(target)
    desk.read()
    assert desk.shows("Anna") == anna
    assert desk.shows(ZOE) >= zoe, "a copy of a photo may have said that she is on it"


def copy_a_folder(desk: Desk) -> None:
    """All of a person's folder, under another name: neither a person nor an end of the first one."""
    client, people = desk.client, desk.app.people
    if not isinstance(client, CopyClient):
        return  # it copies folders file by file
    anna = desk.shows("Anna")
    client.copy(people / "Anna", people / "For Grandma")
    desk.read()
    desk.read()
    assert desk.shows("For Grandma") == desk.shows("Anna") == anna
    assert sorted(names_of(desk.app).values()) == sorted(NAMES.values())
    client.delete(people / "For Grandma")
    desk.read()
    assert desk.shows("Anna") == anna
