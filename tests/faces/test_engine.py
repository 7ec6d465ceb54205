"""The default engine against face_recognition, dlib and what is known of the pictures."""

from pathlib import Path

import dlib
import numpy as np
import pytest
from PIL import Image

from faced.errors import ConfigError
from faced.faces.engine import (
    NONE,
    Engine,
    EngineRecord,
    Proposals,
    encode_upright,
    engine_record,
    open_engine,
)
from faced.faces.engine.convert import MEAN_RGB, convert_mmod
from faced.faces.engine.dat import EMBEDDING, MMOD, locate_model, parse_mmod, read_model
from faced.faces.engine.mmod import detection_copy
from faced.faces.engine.session import Network
from faced.faces.geometry import box_array, iou_matrix, pixel_rectangle
from faced.model import Box, Pixels
from faced.pictures.decode import decode
from tests.support.portrait import portrait, portrait_on
from tests.support.shared import shared_data


def _soccer(count: int) -> list[Pixels]:
    paths = sorted((shared_data() / "soccer" / "photos").iterdir())
    return [decode(path.read_bytes()) for path in paths[:: len(paths) // count][:count]]


def _face_of(engine: Engine, picture: Pixels) -> Box:
    (face,) = engine.find_faces(picture)
    return face.box


def test_the_portrait_has_one_face(ours: Engine) -> None:
    """One, sure, in the upper middle."""
    (face,) = ours.find_faces(portrait())
    assert face.score > 0.8
    assert 0.4 < face.box.left + face.box.width / 2 < 0.7
    assert 0.2 < face.box.top + face.box.height / 2 < 0.5


def test_no_face_where_there_is_none(ours: Engine) -> None:
    """Noise and plain grey."""
    noise = np.random.default_rng(3).integers(0, 255, (300, 400, 3)).astype(np.uint8)
    for picture in (noise, np.full((300, 400, 3), 128, np.uint8)):
        assert ours.find_faces(picture) == []


@pytest.mark.parametrize("shape", [(1, 1), (16, 16), (1, 3000), (3000, 1), (20, 5000), (29, 28), (80, 80)])
def test_odd_shapes_are_searched_without_harm(ours: Engine, shape: tuple[int, int]) -> None:
    """Icons, stripes and panoramas have no faces and end nothing."""
    picture = np.full((*shape, 3), 90, np.uint8)
    assert ours.find_faces(picture) == []
    assert ours.describe(picture, []) == []


def test_a_face_at_the_edge_is_described(ours: Engine) -> None:
    """A box partly, or wholly, outside of the picture gives a vector and no crash."""
    picture = portrait()
    for box in (Box(-0.2, -0.2, 0.5, 0.5), Box(0.9, 0.9, 0.5, 0.5), Box(1.5, 1.5, 0.2, 0.2)):
        (face,) = ours.describe(picture, [box])
        assert np.isfinite(face.embedding).all()
        assert np.isfinite(face.landmarks).all()


def test_pictures_are_never_enlarged_beyond_twice() -> None:
    """Larger ones come down to the detection size, small ones up to it, tiny ones twice."""
    sizes = [(3000, 1500), (800, 600), (500, 250), (100, 50), (1, 1)]
    found = [detection_copy(np.zeros((h, w, 3), np.uint8), 800).size for w, h in sizes]
    assert found == [(800, 400), (800, 600), (800, 400), (200, 100), (2, 2)]


def test_without_proposals_a_panorama_is_searched_larger(model_cache: Path) -> None:
    """A face of 123 px would have 58 if the longer side of 1700 px came down to 800: less than a window."""
    alone = open_engine("dlib-onnx", views=1, proposals=NONE, cache=model_cache)
    canvas, face = portrait_on((1700, 520), 520, 700)
    (found,) = alone.find_faces(canvas)
    assert iou_matrix(face, box_array([found.box]) * (1700, 520, 1700, 520))[0, 0] > 0.4


def test_the_folded_network_scores_as_the_plain_one() -> None:
    """Mean and scale in the first convolution, wide channels and the split 9 x 9: the same scores as by hand."""
    convs = parse_mmod(read_model(MMOD))
    picture = portrait()[60:190, 120:270]
    x = (picture.astype(np.float64) - MEAN_RGB).transpose(2, 0, 1) / 256
    for number, conv in enumerate(convs):
        stride, pad = (2, 0) if number < 3 else (1, conv.weights.shape[2] // 2)
        x = _convolve(x, conv.weights, conv.bias, stride, pad)
        x = np.maximum(x, 0) if number < 6 else x
    (scores,) = Network(convert_mmod(read_model(MMOD))).run(picture[None])
    assert scores.shape == x.shape
    assert np.abs(scores - x).max() < 1e-4


def test_the_embedding_is_that_of_face_recognition(ours: Engine) -> None:
    """Given the same box and pixels, every component within 1e-5."""
    from faced.faces.engine.reference import import_face_recognition

    api = import_face_recognition()
    for picture in (portrait(), portrait(1000), portrait(200)[:, ::-1]):
        box = _face_of(ours, picture)
        left, top, right, bottom = pixel_rectangle(box, picture.shape[1], picture.shape[0])
        expected = api.face_encodings(np.ascontiguousarray(picture), [(top, right, bottom, left)])
        (face,) = ours.describe(picture, [box])
        assert face.embedding.dtype == np.float32
        assert np.abs(face.embedding - expected[0]).max() < 1e-5


def test_two_views_are_the_mean_of_chip_and_mirror_image(ours: Engine, ours_mirrored: Engine) -> None:
    """By dlib itself; not made unit length again, and 0.05 to 0.2 from the plain vector."""
    picture = portrait(800)
    box = _face_of(ours, picture)
    rectangle = dlib.rectangle(*pixel_rectangle(box, picture.shape[1], picture.shape[0]))
    shape = dlib.shape_predictor(str(locate_model_of_landmarks()))(picture, rectangle)
    chip = dlib.get_face_chip(picture, shape)
    encoder = dlib.face_recognition_model_v1(str(locate_model(EMBEDDING)))
    views = [
        np.array(encoder.compute_face_descriptor(np.ascontiguousarray(v))) for v in (chip, chip[:, ::-1])
    ]
    (mirrored,), (plain,) = ours_mirrored.describe(picture, [box]), ours.describe(picture, [box])
    assert np.abs(mirrored.embedding - (views[0] + views[1]) / 2).max() < 1e-5
    assert np.abs(plain.embedding - views[0]).max() < 1e-5
    assert 0.03 < np.linalg.norm(mirrored.embedding - plain.embedding) < 0.2


def test_six_views_are_three_frames_and_their_mirror_images(ours: Engine, model_cache: Path) -> None:
    """Nearer to the mean of two than one is; the chip of which sharpness is told stays the same."""
    picture = portrait(800)
    box = _face_of(ours, picture)
    (plain,) = ours.describe(picture, [box])
    engine = open_engine("dlib-onnx", views=6, cache=model_cache)
    (six,), (again, _) = engine.describe(picture, [box]), engine.describe(picture, [box, box])
    assert six.sharpness == plain.sharpness
    assert 0.03 < np.linalg.norm(six.embedding - plain.embedding) < 0.3
    assert np.abs(six.embedding - again.embedding).max() < 1e-5
    reference = open_engine("face_recognition", views=6, cache=model_cache)
    (theirs,) = reference.describe(picture, [box])
    assert np.abs(six.embedding - theirs.embedding).max() < 1e-5


def test_both_engines_describe_alike(ours: Engine, reference: Engine) -> None:
    """The same box gives the same landmarks, sharpness and vector from either."""
    picture = portrait(600)
    box = _face_of(ours, picture)
    (a,), (b,) = ours.describe(picture, [box]), reference.describe(picture, [box])
    assert np.array_equal(a.landmarks, b.landmarks)
    assert a.sharpness == b.sharpness
    assert np.abs(a.embedding - b.embedding).max() < 1e-5


def test_both_engines_find_the_portrait(ours: Engine, reference: Engine) -> None:
    """The same face end to end, and nearly the same vector."""
    picture = portrait(400)
    (a,), (b,) = ours.find_faces(picture), reference.find_faces(picture)
    assert iou_matrix(box_array([a.box]), box_array([b.box]))[0, 0] >= 0.5
    assert abs(a.score - b.score) < 0.15
    (x,), (y,) = ours.describe(picture, [a.box]), reference.describe(picture, [b.box])
    assert np.linalg.norm(x.embedding - y.embedding) < 0.15


def test_both_engines_find_the_same_faces_on_real_photos(ours: Engine, reference: Engine) -> None:
    """Web photos: every face of one is a face of the other (IoU at least 0.5), vectors 0.1 apart in the median."""
    distances, same = [], []
    for picture in _soccer(6):
        ours_found, theirs = ours.find_faces(picture), reference.find_faces(picture)
        overlap = iou_matrix(box_array([f.box for f in ours_found]), box_array([f.box for f in theirs]))
        assert (overlap.max(axis=1, initial=0) >= 0.5).all()
        assert (overlap.max(axis=0, initial=0) >= 0.5).all()
        mine = ours.describe(picture, [f.box for f in ours_found])
        other = reference.describe(picture, [theirs[j].box for j in overlap.argmax(axis=1)] if mine else [])
        again = reference.describe(picture, [f.box for f in ours_found])
        distances += [np.linalg.norm(a.embedding - b.embedding) for a, b in zip(mine, other, strict=True)]
        same += [np.abs(a.embedding - b.embedding).max() for a, b in zip(mine, again, strict=True)]
    assert len(distances) >= 5
    assert np.median(distances) < 0.1
    assert max(same) < 1e-5


def test_many_faces_are_embedded_as_one_is(ours_mirrored: Engine) -> None:
    """More chips than one run takes: each vector is that of its own face, in order."""
    picture = portrait(500)
    box = _face_of(ours_mirrored, picture)
    boxes = [Box(box.left + 0.004 * i, box.top, box.width, box.height) for i in range(21)]
    together = ours_mirrored.describe(picture, boxes)
    for i in (0, 7, 8, 20):
        (alone,) = ours_mirrored.describe(picture, [boxes[i]])
        assert np.abs(alone.embedding - together[i].embedding).max() < 1e-5


def test_a_photo_is_encoded_from_one_decode(ours: Engine) -> None:
    """The decode asked for is larger than the detector needs; sides are px of the full-size picture."""
    full = portrait(3000)
    asked: list[int | None] = []

    def pixels_of(at_least: int | None) -> Pixels:
        asked.append(at_least)
        return np.asarray(Image.fromarray(full).reduce(2))

    (face,) = encode_upright(ours, pixels_of, (full.shape[1], full.shape[0]))
    assert asked == [1200]
    assert face.side == pytest.approx(face.box.width * full.shape[1], rel=0.01)
    assert face.embedding.shape == (128,)
    assert face.sharpness > 0
    centre = face.landmarks.mean(axis=0)
    assert face.box.left < centre[0] < face.box.left + face.box.width
    assert face.box.top < centre[1] < face.box.top + face.box.height


def test_two_people_in_one_photo(ours: Engine) -> None:
    """Side by side: two faces, each with the landmarks in its own box, best score first."""
    one = portrait(600)
    picture = np.concatenate([one, one[:, ::-1]], axis=1)
    faces = encode_upright(ours, lambda _: picture, (picture.shape[1], picture.shape[0]))
    assert len(faces) == 2
    assert faces[0].score >= faces[1].score
    for face in faces:
        assert face.box.left < face.landmarks[:, 0].mean() < face.box.left + face.box.width
    assert np.linalg.norm(faces[0].embedding - faces[1].embedding) < 0.3


def test_the_key_changes_with_what_makes_a_vector() -> None:
    """Engine, views, detection size, proposals and turns count; thresholds do not."""
    base = engine_record("dlib-onnx")
    others = [
        engine_record("dlib-onnx", views=1),
        engine_record("dlib-onnx", detect_size=1600),
        engine_record("dlib-onnx", proposals=NONE),
        engine_record("dlib-onnx", proposals=Proposals("yunet", ("ab" * 32,), Path("a.onnx"))),
        engine_record("dlib-onnx", proposals=Proposals("yunet", ("cd" * 32,), Path("a.onnx"))),
        engine_record("dlib-onnx", turned=False),
        engine_record("face_recognition"),
    ]
    assert len({base.key, *(record.key for record in others)}) == 8
    assert engine_record("dlib-onnx").key == base.key
    text = base.to_json().replace('"eps": 0.45', '"eps": 0.4')
    changed = EngineRecord.from_json(text)
    assert changed.thresholds.eps == 0.4
    assert changed.key == base.key


def test_the_key_of_the_default_engine_stays() -> None:
    """A change here means that every photo of every user is encoded again: do it knowingly."""
    assert engine_record("dlib-onnx").key == "ba86e0cd80bad9cffa3dca1b0136510f"


def test_a_record_survives_json() -> None:
    """What is read back is what was written."""
    record = engine_record("face_recognition", views=1)
    assert EngineRecord.from_json(record.to_json()) == record
    assert EngineRecord.from_json(record.to_json()).thresholds == record.thresholds


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"name": "opencv"}, "engine must be one of dlib-onnx, face_recognition, got 'opencv'"),
        ({"name": "dlib-onnx", "views": 3}, "embed.views must be 1, 2 or 6, got 3"),
        ({"name": "dlib-onnx", "detect_size": 5}, "detect.size must be"),
    ],
)
def test_wrong_settings_are_plain_errors(tmp_path: Path, settings: dict[str, object], said: str) -> None:
    """Before anything is loaded."""
    with pytest.raises(ConfigError, match=said):
        open_engine(cache=tmp_path, **settings)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def locate_model_of_landmarks() -> Path:
    from faced.faces.engine.dat import LANDMARKS

    return locate_model(LANDMARKS)


def _convolve(x: np.ndarray, weights: np.ndarray, bias: np.ndarray, stride: int, pad: int) -> np.ndarray:
    """A convolution by its definition."""
    x = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
    k = weights.shape[2]
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(1, 2))[:, ::stride, ::stride]
    return np.einsum("chwij,ocij->ohw", windows, weights) + bias[:, None, None]
