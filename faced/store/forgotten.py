"""The tables forgotten_images and forgotten_faces, and what is deleted where something is forgotten.

Plain functions; those that change something run within a transaction of the caller. What is forgotten is decided in
`forgetting`; files beside the database are the affair of `traces`.
"""

import json
from collections.abc import Collection, Iterable

from sqlite_utils import Database

from faced.model import Box, FaceId, ImageKey, PersonId, PhotoId
from faced.store.edits import FaceRef, Spot
from faced.store.forgetting import Forgotten, is_same_place
from faced.store.pictures import parse_face
from faced.store.seen import forget_seen

__all__ = [
    "count_faces_in",
    "delete_faces_at",
    "delete_pictures",
    "follow_forgotten",
    "forget_folders",
    "is_forgotten",
    "is_forgotten_kept",
    "let_folders_go",
    "load_forgotten_places",
    "load_kin",
    "load_refs",
    "load_refs_of_persons",
    "load_unheld_images",
    "save_forgotten",
]

BOX = "box_left, box_top, box_width, box_height"
OF_IMAGE = "substr(face, 1, ?) = ?"
"""Of face pictures: length of image key and a space, and these."""


# ---- what must not come back ----


def is_forgotten(db: Database, image: ImageKey) -> bool:
    """Whether the picture is not to be looked at."""
    return db.execute("SELECT 1 FROM forgotten_images WHERE image = ?", [image]).fetchone() is not None


def load_forgotten_places(db: Database, image: ImageKey) -> list[Box]:
    """Where in the picture faces are to be let go: boxes as fractions of the stored picture."""
    rows = db.execute(f"SELECT {BOX} FROM forgotten_faces WHERE image = ? ORDER BY {BOX}", [image])
    return [Box(*row) for row in rows.fetchall()]


def follow_forgotten(db: Database, photo: PhotoId, image: ImageKey) -> None:
    """A photo holds another picture now: one that was forgotten is so in its new form too."""
    db.execute(
        """INSERT OR IGNORE INTO forgotten_images (image) SELECT ? FROM photos JOIN images ON images.id = photos.image
           JOIN forgotten_images ON forgotten_images.image = images.key WHERE photos.id = ?""",
        [image, photo],
    )


def save_forgotten(db: Database, forgotten: Forgotten) -> None:
    """Write both tables anew: what the journal says, and what forgotten pictures became."""
    db.execute("DELETE FROM forgotten_images")
    db.execute("DELETE FROM forgotten_faces")
    db.conn.executemany(
        "INSERT INTO forgotten_images (image) VALUES (?)",
        [(key,) for key in _with_forms(db, forgotten.images)],
    )
    db.conn.executemany(
        f"INSERT INTO forgotten_faces (image, {BOX}) VALUES (?, ?, ?, ?, ?)",
        [(spot.image, *_numbers(spot.box)) for spot in sorted(forgotten.faces)],
    )


def is_forgotten_kept(db: Database, forgotten: Forgotten) -> bool:
    """Whether both tables are what save_forgotten would make them."""
    images = {ImageKey(key) for (key,) in db.execute("SELECT image FROM forgotten_images")}
    rows = db.execute(f"SELECT image, {BOX} FROM forgotten_faces")
    faces = {Spot(ImageKey(image), Box(*box)) for image, *box in rows}
    return images == _with_forms(db, forgotten.images) and faces == forgotten.faces


def _with_forms(db: Database, images: Collection[ImageKey]) -> set[ImageKey]:
    found = set(images)
    if found:
        rows = db.execute("SELECT old, new FROM became").fetchall()
        while new := {ImageKey(new) for old, new in rows if old in found} - found:
            found |= new
    return found


# ---- what there is to forget ----


def load_kin(db: Database, image: ImageKey) -> frozenset[ImageKey]:
    """The picture, and what it was before it was edited, over any number of edits, where no photo holds that now."""
    found, pending = {image}, {image}
    while pending:
        rows = db.execute(
            """SELECT DISTINCT old FROM became LEFT JOIN images ON images.key = old
               WHERE new IN (SELECT value FROM json_each(?))
                 AND NOT EXISTS (SELECT 1 FROM photos WHERE photos.image = images.id)""",
            [json.dumps(sorted(pending))],
        )
        pending = {ImageKey(old) for (old,) in rows} - found
        found |= pending
    return frozenset(found)


def load_unheld_images(db: Database) -> frozenset[ImageKey]:
    """Pictures of which something is known, and no photo of any library holds them."""
    rows = db.execute(
        """SELECT key FROM images WHERE NOT EXISTS (SELECT 1 FROM photos WHERE photos.image = images.id)
             AND EXISTS (SELECT 1 FROM encodings WHERE encodings.image = images.id)"""
    )
    return frozenset(ImageKey(key) for (key,) in rows)


def count_faces_in(db: Database, images: Collection[ImageKey]) -> int:
    """Of whatever engine."""
    row = db.execute(
        """SELECT count(*) FROM faces JOIN images ON images.id = faces.image
           WHERE key IN (SELECT value FROM json_each(?))""",
        [json.dumps(sorted(images))],
    ).fetchone()
    return int(row[0])


def load_refs(db: Database, faces: Collection[FaceId]) -> list[FaceRef]:
    """These faces as the journal names them, in the order of their content."""
    return _refs(db, "faces.id IN (SELECT value FROM json_each(?))", json.dumps(sorted(faces)))


def load_refs_of_persons(db: Database, persons: Collection[PersonId]) -> list[FaceRef]:
    """All faces of these persons as last computed, of whatever engine, in sight or not."""
    where = "faces.id IN (SELECT face FROM owners WHERE person IN (SELECT value FROM json_each(?)))"
    return _refs(db, where, json.dumps(sorted(persons)))


def _refs(db: Database, where: str, value: str) -> list[FaceRef]:
    rows = db.execute(
        f"""SELECT images.key, {BOX}, engines.key FROM faces JOIN images ON images.id = faces.image
            JOIN engines ON engines.id = faces.engine WHERE {where} ORDER BY images.key, {BOX}, engines.key""",
        [value],
    )
    return [FaceRef(ImageKey(image), Box(*box), engine) for image, *box, engine in rows]


# ---- forgetting ----


def delete_faces_at(db: Database, refs: Iterable[FaceRef]) -> None:
    """Every face that any engine found at these places."""
    places: dict[ImageKey, list[Box]] = {}
    for ref in refs:
        places.setdefault(ref.image, []).append(ref.box)
    for image, boxes in places.items():
        rows = db.execute(
            f"SELECT faces.id, {BOX} FROM faces JOIN images ON images.id = faces.image WHERE key = ?", [image]
        ).fetchall()
        gone = [(id_,) for id_, *box in rows if any(is_same_place(Box(*box), place) for place in boxes)]
        db.conn.executemany("DELETE FROM faces WHERE id = ?", gone)
        for table in ("made_pictures", "put_off_faces"):
            texts = db.execute(f"SELECT face FROM {table} WHERE {OF_IMAGE}", [len(image) + 1, f"{image} "])
            shown = [(text, parse_face(text)) for (text,) in texts.fetchall()]
            theirs = [
                (text,) for text, spot in shown if spot and any(is_same_place(spot.box, box) for box in boxes)
            ]
            db.conn.executemany(f"DELETE FROM {table} WHERE face = ?", theirs)


def delete_pictures(db: Database, images: Iterable[ImageKey]) -> None:
    """All that is known of these pictures, but for their names: faces, likeness, what they were and became."""
    for image in images:
        where = "image IN (SELECT id FROM images WHERE key = ?)"
        db.execute(f"DELETE FROM faces WHERE {where}", [image])
        db.execute(f"DELETE FROM encodings WHERE {where}", [image])
        db.execute("UPDATE images SET dhash = NULL WHERE key = ?", [image])
        db.execute("DELETE FROM became WHERE old = ? OR new = ?", [image, image])
        for table in ("made_pictures", "put_off_faces"):
            db.execute(f"DELETE FROM {table} WHERE {OF_IMAGE}", [len(image) + 1, f"{image} "])


def forget_folders(db: Database, persons: Collection[PersonId]) -> None:
    """What is remembered of folders that left the tree, and what waits or is asked about these persons."""
    forget_seen(db)
    for person in persons:
        db.execute("DELETE FROM away_folders WHERE person = ?", [person])
        db.execute("DELETE FROM undecided WHERE person = ?", [person])
        db.execute("DELETE FROM put_off WHERE person = ?", [person])
        db.execute(
            "DELETE FROM asks WHERE json_extract(details, '$.person') = ? OR json_extract(details, '$.into') = ?",
            [person, person],
        )


def let_folders_go(db: Database, persons: Collection[PersonId]) -> None:
    """Base knows no folder of these persons any more: what is left of them in the tree is the user's."""
    for person in persons:
        db.execute("DELETE FROM pictures WHERE folder IN (SELECT id FROM folders WHERE person = ?)", [person])
        db.execute(
            "DELETE FROM links WHERE person = ? OR folder IN (SELECT id FROM folders WHERE person = ?)",
            [person, person],
        )
        db.execute("DELETE FROM pictures WHERE folder IN (SELECT id FROM folders WHERE person = ?)", [person])
        db.execute("DELETE FROM folders WHERE person = ?", [person])
        db.execute("DELETE FROM put_off WHERE person = ?", [person])


def _numbers(box: Box) -> tuple[float, float, float, float]:
    return (box.left, box.top, box.width, box.height)
