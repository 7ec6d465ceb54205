"""What is forgotten is gone from every file of the state, does not come back, and cannot be undone."""

import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from faced.demo import DemoLibrary
from faced.errors import FacedError
from faced.passes import forget as forgetting_pass
from faced.passes import steps
from faced.passes.forget import Meant, forget, lift, look_for_gone, look_for_target
from faced.passes.say import Said, merge_persons, name_person, take_back
from faced.store.backup import export_word, save_backup
from faced.store.database import open_reader
from tests.stories.test_names import NAMES, name_all, names_of
from tests.support.app import App
from tests.support.inside import Inside

SECRET = "Anna Ägäis Geheim"


@pytest.fixture
def secret(known: App, demo: DemoLibrary) -> App:
    """A synced home; one of three persons has a name that stands nowhere else. There are copies of the state."""
    known.sync()
    name_all(known, demo)
    inside = Inside(known)
    inside.sync()
    inside.say(name_person, "Anna", SECRET)
    make_copies(inside)
    return known


def make_copies(inside: Inside) -> None:
    """A backup, an export, a torn journal and a database that was set aside."""
    with steps.open_state(inside.run) as store:
        export_word(store, datetime.now(UTC))
        backup = save_backup(store)
    state = inside.app.state
    (state / "damaged").mkdir(mode=0o700, exist_ok=True)
    shutil.copy(backup, state / "damaged" / "faced-20260101-000000.db")
    (state / "journal.torn").write_bytes((state / "journal.jsonl").read_bytes())


def do(inside: Inside, words: str) -> Said:
    """Forget it, as the command does."""
    with open_reader(inside.run.state) as db:
        meant: Meant = look_for_target(db, words)
    return forget(inside.run, meant)


def embeddings_of(app: App, person: int) -> list[bytes]:
    """Of her faces, as they stand in the database."""
    sql = f"SELECT embedding FROM faces JOIN owners ON owners.face = faces.id WHERE person = {person}"
    return [row[0] for row in app.rows(sql)]


def find_bytes(state: Path, needles: list[bytes]) -> dict[str, int]:
    """In which files of the state they stand, and how many of them."""
    found = {}
    for path in state.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if count := sum(needle in content for needle in needles):
                found[str(path.relative_to(state))] = count
    return found


NAMED = [SECRET.encode(), json.dumps(SECRET)[1:-1].encode()]


def test_a_forgotten_person_leaves_no_trace(secret: App) -> None:
    """Embeddings and name are in every copy before, and nowhere after; the others keep all that is theirs."""
    inside, before = Inside(secret), secret.folders()
    person = next(number for number, name in names_of(secret).items() if name == SECRET)
    needles = [part[offset : offset + 16] for part in embeddings_of(secret, person) for offset in (0, 400)]
    assert len(needles) > 6
    files = find_bytes(secret.state, needles)
    assert {"faced.db", "damaged/faced-20260101-000000.db"} <= files.keys()
    assert {"journal.jsonl", "journal.torn"} <= find_bytes(secret.state, NAMED).keys()
    photos = {path: path.read_bytes() for path in secret.photos.rglob("*") if path.is_file()}
    with open_reader(
        secret.state
    ) as db:  # somebody else has the database open: the log is emptied, not deleted
        db.execute("SELECT count(*) FROM faces").fetchone()
        said = do(inside, SECRET)
        assert [edit.kind for edit in said.edits] == ["forget"]
        assert (secret.state / "faced.db-wal").exists()
        assert find_bytes(secret.state, needles) == {}
        assert find_bytes(secret.state, NAMED) == {}
    assert secret.folders() == {name: photos for name, photos in before.items() if name != SECRET}
    assert {path: path.read_bytes() for path in photos} == photos
    assert len(list((secret.state / "backup").glob("faced-*.db"))) == 1
    assert not inside.sync()
    log = secret.json("log")
    assert log[0]["kind"] == "forget"
    assert {entry["person"] for entry in log[1:]} == {*names_of(secret)}
    inside.say(take_back, 99)
    assert find_bytes(secret.state, NAMED) == {}
    assert SECRET not in secret.folders()


def test_a_forgotten_person_does_not_come_back_with_a_lost_database(secret: App) -> None:
    """Read again her faces are let go where they were, and those of who was merged into her. The others come back."""
    inside = Inside(secret)
    inside.say(merge_persons, "Ben", SECRET)
    names = names_of(secret)
    do(inside, SECRET)
    left = secret.folders()
    assert SECRET not in left
    for path in secret.state.glob("faced.db*"):
        path.unlink()
    secret.sync()
    assert secret.folders() == left
    assert names_of(secret) == {number: name for number, name in names.items() if name in left}
    boxes = secret.rows("SELECT count(*) FROM forgotten_faces")[0][0]
    assert boxes
    assert secret.rows(
        "SELECT count(*) FROM faces JOIN images ON images.id = faces.image JOIN forgotten_faces f"
        " ON f.image = images.key AND abs(f.box_left - faces.box_left) < 0.01"
        " AND abs(f.box_top - faces.box_top) < 0.01"
    ) == [(0,)]


def test_a_forgotten_photo_is_not_looked_at_until_asked(secret: App) -> None:
    """Not when it is copied, moved, turned or read anew; the person stays, without it. Lifted, it is back."""
    inside, before = Inside(secret), secret.folders()
    link = next(path for path in sorted((secret.people / SECRET).iterdir()) if path.suffix == ".jpg")
    photo = Path(os.path.realpath(link))
    name = os.path.relpath(photo, os.path.realpath(secret.photos))
    do(inside, str(link))
    less = {person: photos - {name} for person, photos in before.items()}
    assert secret.folders() == {person: photos for person, photos in less.items() if photos}
    secret.add(photo, "copies/copy.jpg")
    shutil.move(photo, secret.photos / "elsewhere.jpg")
    secret.sync()
    assert secret.folders() == {person: photos for person, photos in less.items() if photos}
    assert "--lift" in secret.run("faces", secret.photos / "elsewhere.jpg", status=1).stderr
    with Image.open(secret.photos / "elsewhere.jpg") as image:
        turned = image.rotate(90, expand=True)
    turned.save(secret.photos / "elsewhere.jpg", quality=95)
    secret.sync()
    assert secret.json("status")["queued"] == 0
    assert secret.folders() == {person: photos for person, photos in less.items() if photos}
    lift(inside.run, secret.photos / "copies" / "copy.jpg")
    secret.sync()
    assert "copies/copy.jpg" in secret.folders()[SECRET]


def test_photos_that_are_gone_are_forgotten_when_told_to(secret: App) -> None:
    """Faces of deleted photos wait; with --gone they are forgotten, and a photo that comes back is looked at anew."""
    inside = Inside(secret)
    with open_reader(secret.state) as db, pytest.raises(FacedError, match="nothing is known"):
        look_for_gone(db)
    photo = secret.photos / min(secret.folders()[SECRET])
    shutil.move(photo, secret.home / "away.jpg")
    secret.sync()
    faces = secret.rows("SELECT count(*) FROM faces")
    with open_reader(secret.state) as db:
        meant = look_for_gone(db)
    assert len(meant.images) == 1
    forget(inside.run, meant)
    assert secret.rows("SELECT count(*) FROM faces") < faces
    shutil.move(secret.home / "away.jpg", photo)
    secret.sync()
    assert secret.rows("SELECT count(*) FROM faces") == faces
    assert str(photo.relative_to(secret.photos)) in secret.folders()[SECRET]


@pytest.mark.installed
def test_the_command_asks_first(secret: App) -> None:
    """Without a terminal and without --yes nothing happens; nobody known is refused; with --yes it is done."""
    before = secret.folders()
    assert "--yes" in secret.run("forget", SECRET, status=2).stderr
    assert secret.folders() == before
    assert "there is no person" in secret.run("forget", "Nobody", "--yes", status=2).stderr
    done = secret.run("forget", SECRET, "--yes")
    assert "cannot be undone" in done.stdout
    assert SECRET not in secret.folders()
    assert find_bytes(secret.state, NAMED) == {}


def test_promise_6_a_forget_that_dies_is_ended_by_the_next_pass(
    secret: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed when the database has forgotten, and the folders and the copies have not."""
    inside = Inside(secret)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    for module, name in ((steps, "keep_journal"), (forgetting_pass, "_clear")):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, die)
            with pytest.raises(KeyboardInterrupt):
                do(inside, SECRET if SECRET in names_of(secret).values() else "Ben")
        assert find_bytes(secret.state, NAMED) or name == "_clear"
        secret.sync()
        assert find_bytes(secret.state, NAMED) == {}
        assert len(list((secret.state / "backup").glob("faced-*.db"))) == 1
    assert set(names_of(secret).values()) <= {NAMES["p3"]}
