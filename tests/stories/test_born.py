"""`faced name --born`, with the installed command: photos from before somebody's birth show somebody else."""

from pathlib import Path

from PIL import ExifTags, Image

from faced.demo import DemoLibrary
from tests.stories.test_names import name_all
from tests.stories.test_who import photos_of, say
from tests.support.app import App


def date(photo: Path, year: int) -> None:
    """As another program writes a date into the file; the picture stays what it is."""
    with Image.open(photo) as image:
        exif = image.getexif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = f"{year}:07:14 12:00:00"
    block = exif.tobytes()
    data = photo.read_bytes()
    photo.write_bytes(data[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + data[2:])


def test_a_photo_from_before_the_birth_leaves_the_folder(known: App, demo: DemoLibrary) -> None:
    """It was an anchor; a pin brings it back, and so does taking the year back."""
    early, pinned, *late = photos_of(demo, "p1")
    for photo in (early, pinned):
        date(known.photos / photo, 2011)
    date(known.photos / late[0], 2019)
    known.sync()
    name_all(known, demo)
    known.sync()
    assert {early, pinned, *late} <= known.folders()["Anna"]
    assert "Person" in known.run("name", "Anna", "--born", "2015").stdout
    assert known.folders()["Anna"].isdisjoint({early, pinned})
    assert set(late) <= known.folders()["Anna"]
    [face] = known.json("why", known.photos / early)
    assert face["person"] is None
    assert "the photo was taken in 2011, before Anna was born (2015)" in face["reasons"]
    assert known.json("people", "--suggestions") == []
    say(known, "pin", pinned, "Anna")
    known.sync()
    assert pinned in known.folders()["Anna"]
    assert early not in known.folders()["Anna"]
    known.run("name", "Anna", "--born", "unknown")
    assert {early, pinned, *late} <= known.folders()["Anna"]
    known.run("undo")
    assert early not in known.folders()["Anna"]
    date(known.photos / early, 2016)
    known.sync()
    assert early in known.folders()["Anna"], "another program has corrected the date"


def test_a_birth_that_cannot_be_noted(known: App) -> None:
    """No year; somebody without a name; nothing said at all: usage, one line, and nothing is written."""
    known.sync()
    person = str(known.json("people")[0]["id"])
    for words in (["--born", "soon"], ["--born", "2015"], ["Anna", "--clear"], []):
        assert known.run("name", person, *words, status=2).stderr.splitlines()[-1].startswith("faced")
    assert known.json("log") == []
    said = known.run("name", person, "Anna", "--born", "2015").stdout
    assert "was born in 2015" in said
    known.run("undo")
    assert {entry["undone"] for entry in known.json("log") if entry["kind"] in ("name", "born")} == {True}
