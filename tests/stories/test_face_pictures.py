"""Perhaps Anna: what is unsure is shown as pictures of faces, by the installed command (the rest: gestures/faces*)."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faced.demo import DemoLibrary
from faced.pictures.crop import read_comment
from tests.stories.test_names import name_all
from tests.stories.test_who import change_vector, photos_of, stored
from tests.support.app import App, look_at

ASIDE = np.eye(128)[5]


def pictures(app: App) -> dict[str, str]:
    """Path in the people folder to the photo that the picture says it is of, of every face picture."""
    photos = dict(
        app.rows(
            "SELECT images.key, CAST(photos.path AS TEXT) FROM photos JOIN images ON images.id = photos.image"
        )
    )
    found = {}
    for path in sorted(app.people.rglob("*.jpg")):
        if not path.is_symlink():
            comment = read_comment(path.read_bytes()) or ""
            assert comment.startswith("faced b1:")
            found[str(path.relative_to(app.people))] = photos[comment.split()[1]]
    return found


def put_aside(app: App, photo: str, others: list[str], far: float) -> None:
    """Move a face's vector to a distance from the mean of others."""
    middle = np.mean([np.frombuffer(stored(app, other)[1], "<f4") for other in others], axis=0)
    face, _ = stored(app, photo)
    change_vector(app, face, (middle + far * ASIDE).astype("<f4").tobytes())


@pytest.fixture
def unsure(known: App, demo: DemoLibrary) -> tuple[App, str, str]:
    """Anna, Ben and Zoë have names. One photo came later and may be Anna, another one is like nobody."""
    with (known.home / "config" / "faced" / "config.yaml").open("a") as settings:
        settings.write("\nidentity: {suggest: 0.5}\n")
    perhaps, *others = photos_of(demo, "p1")
    alone, *bens = photos_of(demo, "p2")
    known.sync()
    put_aside(known, perhaps, others, 0.9)
    put_aside(known, alone, bens, 0.9)
    known.sync()
    name_all(known, demo)
    known.sync()
    for far in (0.52, 0.50, 0.48):
        put_aside(known, perhaps, others, far)
        known.sync()
        if (known.people / "_Suggestions").exists():
            return known, perhaps, alone
    raise AssertionError("nothing was proposed")


def test_perhaps_anna(unsure: tuple[App, str, str]) -> None:
    """A small picture of the face. A no that is put back is taken back, a yes brings the link; then all is quiet."""
    app, perhaps, alone = unsure
    found = pictures(app)
    assert sorted(found.values()) == sorted([perhaps, alone])
    [proposed] = [path for path, photo in found.items() if photo == perhaps]
    [other] = [path for path, photo in found.items() if photo == alone]
    folder, name = proposed.rsplit("/", 1)
    assert folder == "_Suggestions/Anna"
    assert name[:2] == "0."
    assert name[4:] == f" {Path(perhaps).stem}.jpg"
    assert other == f"_Unsorted/{Path(alone).stem}.jpg"
    with Image.open(app.people / proposed) as picture:
        assert max(picture.size) <= 256
    inode = (app.people / proposed).rename(app.home / name).stat().st_ino
    app.sync()
    assert sorted(pictures(app)) == [
        f"_Unsorted/{Path(photo).stem}.jpg" for photo in sorted([perhaps, alone])
    ]
    (app.people / folder).mkdir(parents=True)
    (app.home / name).rename(app.people / proposed)
    assert app.sync().stdout == f"understood: a face picture was put back into {folder}\n"
    assert set(pictures(app)) == {proposed, other}
    assert (app.people / proposed).stat().st_ino == inode
    (app.people / proposed).rename(app.people / "Anna" / name)
    app.sync()
    assert app.json("status")["left_alone"] == []
    assert perhaps in app.folders()["Anna"]
    assert set(pictures(app)) == {other}
    assert not (app.people / "_Suggestions").exists()
    before = look_at(app.people)
    assert app.sync().stdout == ""
    assert look_at(app.people) == before
