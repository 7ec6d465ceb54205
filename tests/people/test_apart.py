"""Why a face stayed away from somebody it was near enough to: told in plain words, also by `faced why`."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from faced.config import Config
from faced.faces.engine import DEFAULT_ENGINE, engine_record
from faced.model import EngineId, FaceId, PersonId
from faced.passes.decide import Question, decide_here
from faced.passes.steps import SHOWN_ENGINE, clustering_settings
from faced.passes.why import look_at_why
from faced.people.apart import tell_apart
from faced.people.identity import assign_persons
from faced.people.recluster import cluster_faces, keep_time, write_decision
from faced.people.said import Said
from faced.store.database import open_store
from faced.store.settings import save_setting
from tests.support.people import clusters_of, faces_at, store_faces

ENGINE, RECORD = EngineId(1), engine_record(DEFAULT_ENGINE, views=2)
SETTINGS = clustering_settings(Config(), RECORD)
FACES = faces_at(*((name, 0.0) for name in "abcde"), ("f", 0.44), first_id=1)
"""Five are one, and the sixth attaches: too far off to join."""
ANNA = PersonId(1)


def tell(years: list[int], said: Said) -> dict[FaceId, str]:
    """With photos of these years."""
    faces = replace(FACES, years=np.array(years, dtype=np.int16))
    clusters = keep_time(cluster_faces(faces, SETTINGS), faces, SETTINGS)
    return tell_apart(faces, clusters, assign_persons(faces, clusters, {}, said), said)


def test_years_between_are_told_and_nothing_where_they_did_not_matter() -> None:
    """Twenty years; ten; without dates; and to somebody that the user said it is not."""
    said = Said({}, {}, {FaceId(1): ANNA, FaceId(2): ANNA}, frozenset({ANNA}))
    assert tell([2000] * 5 + [2020], said) == {
        FaceId(
            6
        ): "it would be Person 1, 0.44 from the middle of that cluster, but the photo there that is nearest in time "
        "is 20 years away: across so many it must be within 0.37"
    }
    assert tell([2000] * 4 + [2012, 2020], said) == {}
    assert tell([2000] * 5 + [0], said) == {}
    assert tell([2000] * 5 + [2020], replace(said, rejections={FaceId(6): frozenset({ANNA})})) == {}


def test_a_rejected_face_and_a_second_one_of_a_photo_are_told() -> None:
    """Of a cluster with a name and of one without; and nothing of what is nobody's for want of a cluster."""
    faces = faces_at(*((name, 0.0) for name in "abcd"), ("e", 0.0), ("e", 0.01), ("f", 9.0), first_id=1)
    clusters = clusters_of([0, 0, 0, 0, 0, 0, -1])
    said = Said({}, {FaceId(1): frozenset({ANNA})}, {FaceId(2): ANNA, FaceId(3): ANNA}, frozenset({ANNA}))
    told = tell_apart(faces, clusters, assign_persons(faces, clusters, {}, said), said)
    assert told == {
        FaceId(1): "it would be Person 1, but you said that it is not",
        FaceId(
            6
        ): "it would be Person 1, but another face of the photo is, which is nearer or which you named",
    }
    no_name = Said({}, {FaceId(1): frozenset({PersonId(7)})})
    told = tell_apart(
        faces, clusters, assign_persons(faces, clusters, {FaceId(2): PersonId(7)}, no_name), no_name
    )
    assert told[FaceId(1)] == "it would be Person 7, but you said that it is not"


def test_a_childs_face_that_was_not_near_enough_is_told() -> None:
    """Where the birth is known, and not of an adult."""
    said = Said({}, {}, {FaceId(1): ANNA, FaceId(2): ANNA}, frozenset({ANNA}), born={ANNA: 2015})
    assert tell([2019] * 6, said) == {
        FaceId(
            6
        ): "it would be Person 1, who was 4 years old then: children look alike, so it must be 0.15 nearer than a "
        "face of somebody older, and is 0.03 nearer"
    }
    assert tell([2019] * 6, replace(said, born={ANNA: 1980})) == {}


@pytest.mark.parametrize(("year", "apart"), [(2020, True), (2005, False)])
def test_why_tells_it(tmp_path: Path, year: int, apart: bool) -> None:
    """Of a stored state, as `faced why` does; and no more when the date was corrected."""
    with open_store(tmp_path / "state") as store:
        store_faces(store, FACES)
        with store.write() as db:
            db.execute("UPDATE engines SET record = ?", [RECORD.to_json()])
            save_setting(db, SHOWN_ENGINE, str(ENGINE))
        for taken in (2020, year):
            with store.write() as db:
                db.execute(
                    "UPDATE photos SET taken = CASE path WHEN ? THEN ? ELSE '2000' END", [b"f", str(taken)]
                )
            write_decision(store, ENGINE, decide_here(Question(store.folder, ENGINE, SETTINGS)))
        [face] = look_at_why(store.db, Config(), Path("/a/f"))
        assert (face.person is None) == apart
        assert any(reason.startswith("it would be Person 1, 0.44 from") for reason in face.reasons) == apart
