"""Edits to test with: short ways to write them, and Hypothesis strategies for all that may be said."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from faced.model import Box, ImageKey, PersonId
from faced.store.edits import Draft, Edit, FaceRef, Json, Spot

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TIME = "2026-11-24T12:00:00.000Z"


def face(number: int, left: float = 0.25, engine: str = "e1") -> FaceRef:
    """The face of image `number`."""
    return FaceRef(ImageKey(f"b1:{number:032x}"), Box(left, 0.25, 0.125, 0.1), engine)


def spot(number: int) -> Spot:
    """Where face(number) is."""
    return face(number).spot


def edit(
    number: int,
    kind: str,
    person: int | None = None,
    faces: tuple[FaceRef, ...] = (),
    value: Json = None,
    undoes: int | None = None,
) -> Edit:
    """The edit with this sequence number."""
    target = None if undoes is None else edit_id(undoes)
    return Edit(
        edit_id(number),
        TIME,
        "folder",
        kind,
        None if person is None else PersonId(person),
        faces,
        value,
        None,
        target,
    )


def edit_id(number: int) -> str:
    """As edit() gives it; every edit is a gesture of its own."""
    return f"{number:012}-{number:012x}"


def draft(kind: str, person: int | None = None, *faces: FaceRef, value: Json = None) -> Draft:
    """An edit to be added."""
    return Draft(kind, None if person is None else PersonId(person), faces, value)


persons = st.integers(1, 5)
some_faces = st.lists(st.integers(1, 4), min_size=1, max_size=3, unique=True).map(
    lambda numbers: tuple(map(face, numbers))
)
file_names = st.binary(min_size=1, max_size=30).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
names = st.one_of(
    file_names,
    st.text(min_size=1, max_size=20),
    st.sampled_from(
        ["Anna", "ab\ncd", "\u202eannA", "👩‍👧", "e\u0301", "\udcff", ".x", " ", "0", "NULL", "\ud800"]
    ),
)
link_names = file_names.filter(lambda name: "/" not in name and "\0" not in name)
boxes = st.builds(
    Box,
    *[st.floats(-2, 3, allow_subnormal=True) for _ in range(4)],
)

statements = st.one_of(
    st.builds(lambda p, v: ("name", p, (), v), persons, st.none() | names),
    st.builds(lambda p, v: ("born", p, (), v), persons, st.none() | st.integers(1, 9999)),
    st.builds(lambda p, v: ("place", p, (), v), persons, st.none() | file_names),
    st.builds(lambda k, p: (k, p, (), None), st.sampled_from(["hide", "show"]), persons),
    st.builds(
        lambda k, p, f: (k, p, f, None), st.sampled_from(["anchor", "pin", "reject"]), persons, some_faces
    ),
    st.builds(lambda p, v: ("merge", p, (), v), persons, persons),
    st.builds(
        lambda p, i, on: ("tag", p, (), {"image": f"b1:{i:032x}", "on": on}),
        persons,
        st.integers(1, 3),
        st.booleans(),
    ),
    st.builds(
        lambda p, i, n: ("name_link", p, (), {"image": f"b1:{i:032x}", "name": n}),
        persons,
        st.integers(1, 3),
        st.none() | link_names,
    ),
)
"""What is said: (kind, person, faces, value)."""


@st.composite
def journals(draw: st.DrawFn, most: int = 30) -> list[Edit]:
    """Edits in order; undos mean any edit before them, undos too, or one that there is not."""
    edits: list[Edit] = []
    for number in range(1, draw(st.integers(0, most)) + 1):
        if draw(st.integers(0, 4)) == 0:
            edits.append(edit(number, "undo", undoes=draw(st.integers(1, number + 1))))
        else:
            kind, person, faces, value = draw(statements)
            edits.append(edit(number, kind, person, faces, value))
    return edits
