"""`faced who`, `faced why` and the suggestions, with the installed command; bad input to them."""

import contextlib
import shutil
import sqlite3
import zlib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faced.demo import DemoLibrary
from faced.model import Box, ImageKey, PersonId
from faced.store.database import open_store
from faced.store.edits import Draft, FaceRef
from faced.store.journal import add_edits
from tests.conftest import small_paths
from tests.stories.test_names import name_all
from tests.support.app import App, look_at


@pytest.fixture
def named(known: App, demo: DemoLibrary) -> App:
    """A synced home whose three people have names."""
    known.sync()
    name_all(known, demo)
    known.sync()
    return known


def photos_of(demo: DemoLibrary, *people: str) -> list[str]:
    """The photos of the library that show exactly these."""
    return [path for path in small_paths(demo) if demo.photos[path] == people]


def stored(app: App, photo: str) -> tuple[int, bytes]:
    """A face of a photo, and its vector."""
    [row] = app.rows(
        f"""SELECT faces.id, embedding FROM faces JOIN photos ON photos.image = faces.image
            WHERE CAST(photos.path AS TEXT) = '{photo}'"""
    )
    return int(row[0]), bytes(row[1])


def change_vector(app: App, face: int, vector: bytes) -> None:
    """As if the engine had made another one; the next sync decides anew."""
    with contextlib.closing(sqlite3.connect(app.state / "faced.db")) as db, db:
        db.execute("UPDATE faces SET embedding = ?, crc = ? WHERE id = ?", (vector, zlib.crc32(vector), face))
        db.execute("DELETE FROM settings WHERE key = 'recluster.input'")


def test_who_is_in_a_picture_that_is_in_no_library(named: App, demo: DemoLibrary) -> None:
    """A photo of the demo that was not added: each of the people known is found, with distances; nothing is kept."""
    wanted = next(
        p for p, who in demo.photos.items() if len(who) > 1 and "p1" in who and p not in small_paths(demo)
    )
    picture = named.home / "elsewhere.jpg"
    shutil.copy(demo.folder / wanted, picture)
    before = look_at(named.people), named.rows("SELECT count(*), max(id) FROM faces")
    faces = named.json("who", picture)
    assert len(faces) == len(demo.photos[wanted])
    [anna] = [face for face in faces if face["person"] and face["person"]["name"] == "Anna"]
    assert anna["verdict"] == "attached"
    assert anna["nearest"][0]["name"] == "Anna"
    distances = [one["distance"] for one in anna["nearest"]]
    assert distances == sorted(distances)
    assert len(distances) == 3
    with Image.open(picture) as image:
        left, top, width, height = anna["box"]
        assert 0 <= left < left + width <= image.width
        assert 0 <= top < top + height <= image.height
    strangers = [who for who in demo.photos[wanted] if who not in ("p1", "p2", "p3")]
    assert sum(1 for face in faces if face["verdict"] == "unknown") == len(strangers)
    assert "Anna" in named.run("who", picture).stdout
    assert (look_at(named.people), named.rows("SELECT count(*), max(id) FROM faces")) == before


def test_who_is_in_a_link_of_the_people_folder(named: App) -> None:
    """Followed; the photo itself is no evidence, so the distance is not zero."""
    link = next((named.people / "Anna").iterdir())
    [face, *_] = [face for face in named.json("who", link) if face["person"]]
    assert face["nearest"][0]["distance"] > 0


@pytest.mark.parametrize("command", ["who", "why"])
def test_what_is_no_picture_is_said_in_one_line(named: App, command: str) -> None:
    """Text, nothing at all, half a file, a folder: exit status 1, one sentence, and that names the file."""
    text = named.home / "text.jpg"
    text.write_text("no picture")
    half = named.home / "half.jpg"
    half.write_bytes(next(named.photos.rglob("*.jpg")).read_bytes()[:2000])
    for path in (text, named.home / "nothing.jpg", half, named.home):
        [sentence] = named.run(command, path, status=1).stderr.splitlines()
        assert path.name in sentence
        assert sentence.startswith("faced: ")


def test_a_picture_without_faces_or_without_anybody_known(named: App, tmp_path: Path) -> None:
    """Said in one sentence, exit status 1."""
    blank = tmp_path / "blank.png"
    Image.new("RGB", (300, 200), (90, 120, 150)).save(blank)
    assert "no face was found" in named.run("who", blank, status=1).stderr
    assert "in no library" in named.run("why", blank, status=1).stderr
    assert named.run("who", blank, "--state", tmp_path / "empty", status=None).returncode in (1, 2)


@pytest.mark.installed
def test_why_says_what_the_user_said_and_when(named: App, demo: DemoLibrary) -> None:
    """Anchored by naming; then rejected by deleting the link: the day, the way and the person are named."""
    [photo, *_] = photos_of(demo, "p1")
    [face] = named.json("why", named.photos / photo)
    assert face["person"]["name"] == "Anna"
    [word] = [reason for reason in face["reasons"] if "when you named it" in reason]
    assert "Anna" in word
    assert "in the people folder" in word
    link = next(link for link in (named.people / "Anna").iterdir() if link.readlink() == named.photos / photo)
    link.unlink()
    named.sync()
    [face] = named.json("why", named.photos / photo)
    assert face["person"] is None
    assert any(reason.startswith("you said that it is not Anna: 2") for reason in face["reasons"])
    assert "it would be Anna, but you said that it is not" in face["reasons"]
    assert face["nearest"][0]["name"] == "Anna"
    [view] = named.json("faces", named.photos / photo)
    assert view["why"] == "it would be Anna, but you said that it is not"
    who = named.run("who", named.photos / photo).stdout
    assert who.startswith("Anna at ")
    assert "`faced why`" in who


def test_why_a_face_came_to_a_person(known: App, demo: DemoLibrary) -> None:
    """A photo that came later: computed, in which cluster, at which distance, and who is second."""
    late = photos_of(demo, "p1")[0]
    shutil.move(known.photos / late, known.home / "late.jpg")
    known.sync()
    name_all(known, demo)
    shutil.move(known.home / "late.jpg", known.photos / late)
    known.sync()
    [face] = known.json("why", known.photos / late)
    assert face["person"]["name"] == "Anna"
    assert any(reason.startswith("at the core of a cluster of ") for reason in face["reasons"])
    assert face["nearest"][0]["name"] == "Anna"
    assert len(face["nearest"]) == 3
    assert known.run("why", known.photos / late).stdout.startswith("Anna at ")


def test_why_a_pinned_face_is_where_it_is(named: App, demo: DemoLibrary) -> None:
    """Moved from Anna to Ben: you said so, on that day; and not Anna."""
    photo = photos_of(demo, "p1")[0]
    link = next(link for link in (named.people / "Anna").iterdir() if link.readlink() == named.photos / photo)
    say(named, "pin", photo, "Ben")
    named.sync()
    [face] = named.json("why", named.photos / photo)
    assert face["person"]["name"] == "Ben"
    assert any(reason.startswith("you said that it is Ben: 2") for reason in face["reasons"])
    assert not link.is_symlink()


def say(app: App, kind: str, photo: str, name: str) -> None:
    """The user's word about the face of a photo, as a gesture would write it."""
    [(key, *box, engine)] = app.rows(
        f"""SELECT images.key, box_left, box_top, box_width, box_height, engines.key FROM faces
            JOIN images ON images.id = faces.image JOIN photos ON photos.image = images.id
            JOIN engines ON engines.id = faces.engine WHERE CAST(photos.path AS TEXT) = '{photo}'"""
    )
    [person] = [row["id"] for row in app.json("people") if row["name"] == name]
    with open_store(app.state) as store, store.write() as db:
        face = FaceRef(ImageKey(key), Box(*box), engine)
        add_edits(db, [Draft(kind, PersonId(person), (face,))], origin="folder", time=datetime.now(UTC))


def test_a_suggestion_is_shown_and_what_was_rejected_is_not(known: App, demo: DemoLibrary) -> None:
    """A face that came later and is a little off: perhaps Anna; after the user said no it is not asked again."""
    with (known.home / "config" / "faced" / "config.yaml").open("a") as settings:
        settings.write("\nidentity: {suggest: 0.5}\n")
    known.sync()
    photo, *others = photos_of(demo, "p1")
    middle = np.mean([np.frombuffer(stored(known, other)[1], "<f4") for other in others], axis=0)
    face, _ = stored(known, photo)
    shutil.move(known.photos / photo, known.home / "late.jpg")
    known.sync()
    name_all(known, demo)
    known.sync()
    shutil.move(known.home / "late.jpg", known.photos / photo)
    aside = np.eye(128)[5]
    proposed = []
    for far in (0.52, 0.50, 0.48):
        change_vector(known, face, (middle + far * aside).astype("<f4").tobytes())
        known.sync()
        proposed = known.json("people", "--suggestions")
        if proposed:
            break
    [anna] = proposed
    assert anna["name"] == "Anna"
    [one] = anna["faces"]
    assert one["path"] == str(known.photos / photo)
    assert f"{one['distance']:.2f} {known.photos / photo}" in known.run("people", "--suggestions").stdout
    assert known.json("status")["suggestions"] == 1
    assert "1 face may be somebody's whom you named" in known.run("status").stdout
    [explained] = known.json("why", known.photos / photo)
    assert any("perhaps it is Anna" in reason for reason in explained["reasons"])
    say(known, "reject", photo, "Anna")
    known.sync()
    assert known.json("people", "--suggestions") == []
    assert "nothing" in known.run("people", "--suggestions").stdout


def test_a_vector_that_is_not_a_number_is_left_out_and_told(named: App, demo: DemoLibrary) -> None:
    """The others stay; why says it."""
    photo = photos_of(demo, "p1")[0]
    change_vector(named, stored(named, photo)[0], np.full(128, np.nan, dtype="<f4").tobytes())
    named.sync()
    assert {"Anna", "Ben"} <= set(named.folders())
    [face] = named.json("why", named.photos / photo)
    assert any("not a number" in reason for reason in face["reasons"])
    assert face["nearest"] == []
    [(notices,)] = named.rows("SELECT value FROM settings WHERE key = 'notices'")
    assert "1 face has a vector that is no place" in notices
