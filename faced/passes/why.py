"""Why each face of a photo is where it is, in plain words. Only reads."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlite_utils import Database

from faced.config import Config
from faced.errors import shown
from faced.faces.engine import EngineRecord
from faced.faces.quality import quality_word
from faced.model import EngineId, FaceId, ImageKey, PersonId
from faced.passes.look import LIKE_NOBODY, find_image
from faced.passes.persons import call_by_name
from faced.passes.steps import clustering_settings, shown_engine
from faced.passes.who import BEST, Nearest, PixelBox, find_nearest, pixels
from faced.passes.word import find_faces
from faced.people.known import find_copies, rank_known
from faced.people.likeness import Ranking
from faced.people.recluster import Clustering
from faced.pictures.orientation import upright_box, upright_size
from faced.store.edits import Edit, Spot
from faced.store.explain import (
    load_births,
    load_edits_of,
    load_engine_text,
    load_mates,
    load_paths_of,
    load_proposed_person,
    load_year,
)
from faced.store.lookup import FaceRow, load_faces_of_image
from faced.store.persons import load_names
from faced.store.spots import StoredFace, load_engine_key, load_faces_of_images
from faced.store.word import Statements
from faced.store.word_tables import load_statements

__all__ = ["Explained", "look_at_why"]


@dataclass(frozen=True, slots=True)
class Explained:
    """A face of the photo. box: left, top, width, height in px of the upright picture. reasons: plain sentences."""

    box: PixelBox
    person: tuple[PersonId, str | None] | None
    reasons: tuple[str, ...]
    nearest: tuple[Nearest, ...]


@dataclass(frozen=True, slots=True)
class _Word:
    """What the user said of one face: the edits, the last of each kind."""

    pin: Edit | None
    anchor: Edit | None
    rejections: tuple[tuple[PersonId, Edit], ...]


def look_at_why(db: Database, config: Config, photo: Path) -> list[Explained]:
    """For `faced why`, from left to right. Raises FacedError when the photo is not known."""
    key, orientation = find_image(db, photo)
    engine = shown_engine(db)
    rows = {row.box: row for row in load_faces_of_image(db, key, engine)}
    ours = load_engine_key(db, engine)
    stored = [face for face in load_faces_of_images(db, [key]) if face.engine == ours and face.box in rows]
    if not stored:
        return []
    text = load_engine_text(db, engine)
    assert text is not None  # it found these faces
    settings = clustering_settings(config, EngineRecord.from_json(text))
    words, names = _load_words(db, engine, stored), load_names(db)
    beside = {row.person for row in rows.values() if row.person is not None and row.person in names}
    unborn = _find_unborn(load_births(db), load_year(db, key), names)
    copies = find_copies(db, engine, key, {face.id for face in stored}, settings.copy_bits)
    ranking = Ranking([face.embedding for face in stored])
    rank_known(db, engine, ranking, settings.gate, key)
    explained = []
    for number, face in enumerate(stored):
        row = rows[face.box]
        turned = orientation or row.orientation
        box = pixels(upright_box(row.box, turned), upright_size(row.width, row.height, turned))
        person = None if row.person is None else (row.person, row.name)
        likenesses = ranking.persons_of(number) if _is_usable(face) else []
        reasons = [
            *_explain_word(words[face.id], names),
            *_explain_computed(row, words[face.id], settings, face, names),
            *_explain_suggestion(db, engine, face.id, names, beside),
            *(
                unborn[one.person]
                for one in likenesses[:BEST]
                if one.person in unborn and one.person != row.person
            ),
            *_explain_copies(db, copies.get(face.id, set()) - {key}),
        ]
        explained.append(Explained(box, person, tuple(reasons), find_nearest(likenesses, names)))
    return sorted(explained, key=lambda one: one.box)


def _load_words(db: Database, engine: EngineId, faces: list[StoredFace]) -> dict[FaceId, _Word]:
    """What was said of these faces, of whatever engine's boxes and of the picture as it was before an edit."""
    said = load_statements(db)
    spots = {*said.pins, *said.anchors, *(spot for spot, _ in said.rejections)}
    theirs: dict[FaceId, list[Spot]] = {face.id: [] for face in faces}
    for spot, meant in find_faces(db, engine, spots).items():
        for face in meant:
            if face in theirs:
                theirs[face].append(spot)
    wanted = {spot for found in theirs.values() for spot in found}
    ids = {said.pins[spot].edit for spot in wanted if spot in said.pins}
    ids |= {said.anchors[spot].edit for spot in wanted if spot in said.anchors}
    ids |= {edit for (spot, _), edit in said.rejections.items() if spot in wanted}
    edits = load_edits_of(db, ids)
    return {face: _word_of(said, found, edits) for face, found in theirs.items()}


def _word_of(said: Statements, spots: list[Spot], edits: dict[str, Edit]) -> _Word:
    pins = [said.pins[spot].edit for spot in spots if spot in said.pins]
    anchors = [said.anchors[spot].edit for spot in spots if spot in said.anchors]
    rejected: dict[PersonId, str] = {}
    for (spot, person), edit in said.rejections.items():
        if spot in spots:
            person = said.resolve(person)
            rejected[person] = max(edit, rejected.get(person, ""))
    return _Word(
        edits[max(pins)] if pins else None,
        edits[max(anchors)] if anchors else None,
        tuple((person, edits[edit]) for person, edit in sorted(rejected.items())),
    )


def _explain_word(word: _Word, names: dict[PersonId, str]) -> list[str]:
    reasons = []
    if word.pin is not None and word.pin.person is not None:
        reasons.append(f"you said that it is {_call(word.pin.person, names)}: {_when(word.pin)}")
    if word.anchor is not None and word.anchor.person is not None:
        who = _call(word.anchor.person, names)
        reasons.append(f"it was in the folder of {who} when you named it: {_when(word.anchor)}")
    reasons += [
        f"you said that it is not {_call(person, names)}: {_when(edit)}" for person, edit in word.rejections
    ]
    return reasons


def _when(edit: Edit) -> str:
    how = {"folder": "in the people folder", "command": "by a command", "import": "by an import"}
    return f"{edit.time[:10]}, {how.get(edit.origin, edit.origin)}"


def _call(person: PersonId, names: dict[PersonId, str]) -> str:
    return names.get(person, f"Person {person}")


def _is_usable(face: StoredFace) -> bool:
    return bool(np.isfinite(face.embedding).all())


def _explain_computed(
    row: FaceRow,
    word: _Word,
    settings: Clustering,
    face: StoredFace,
    names: dict[PersonId, str],
) -> list[str]:
    if not _is_usable(face):
        return ["its vector is no place (not a number), so it is compared with nothing"]
    quality = quality_word(row.side, row.sharpness, settings.gate)
    what = "is compared with nobody" if quality.startswith("too") else "may join somebody, but makes nobody"
    poor = f"it is {quality} ({row.side:.0f} px, sharpness {row.sharpness:.3f}), so it {what}"
    reasons = [] if quality == "good" else [poor]
    if row.person is None and row.apart is not None:
        reasons.append(call_by_name(row.apart, names))
    elif row.person is None:
        reasons += [] if reasons else [f"it is {LIKE_NOBODY}"]
    elif row.why:
        said, _, computed = row.why.partition("; ")
        is_said = word.pin is not None or word.anchor is not None
        reasons.append(call_by_name((computed or said) if is_said else row.why, names))
    return reasons


def _find_unborn(
    births: Mapping[PersonId, int], year: int | None, names: dict[PersonId, str]
) -> dict[PersonId, str]:
    """Who is not in a photo of that year, being born later, and the sentence for it."""
    return {
        person: f"the photo was taken in {year}, before {_call(person, names)} was born ({born})"
        for person, born in births.items()
        if year is not None and year < born
    }


def _explain_suggestion(
    db: Database, engine: EngineId, face: FaceId, names: dict[PersonId, str], beside: Collection[PersonId]
) -> list[str]:
    """beside: who has a name and is in the photo."""
    proposed = load_proposed_person(db, face)
    if proposed is None:
        return []
    who = _call(proposed[0], names)
    reasons = [f"perhaps it is {who}: {proposed[1]:.2f} apart, so you are asked"]
    if mates := load_mates(db, engine, proposed[0], beside):
        several = ", ".join(_call(mate, names) for mate in mates)
        reasons.append(f"with {who} in other photos, and in this one: {several}")
    return reasons


def _explain_copies(db: Database, copies: Collection[ImageKey]) -> list[str]:
    paths = load_paths_of(db, copies)
    listed = sorted(path for found in paths.values() for path in found[:1])
    if not listed:
        return []
    more = f" and {len(listed) - 1} more" if len(listed) > 1 else ""
    return [f"it is a near-copy of {shown(listed[0])}{more}: they count as one"]
