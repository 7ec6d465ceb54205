"""A user who is never wrong and always does what mends most, with what faced shows: what it takes until all are right."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from _labelled import Labelled, Labels, settings_of

from faced.model import FaceId, PersonId
from faced.people.identity import assign_persons
from faced.people.kept import Kept
from faced.people.propose import propose_faces
from faced.people.recluster import clusters_of, rules_of
from faced.people.said import Said
from faced.people.suggest import Near, Suggestion

ENOUGH = 5
"""Faces of somebody whom the user names."""
SHOWN = 3
"""Photos of a person without a name from which on there is a folder, as `people.min_photos` is."""
GOALS = (0.9, 0.99)
STEP = 50
"""So many batches of actions for each action a person; after each batch all is decided anew."""


@dataclass(frozen=True, order=True)
class Action:
    """gain: faces that are right then, less those that are wrong through it. kind: name, merge, accept or drag.

    who: whom it is about. rows: the faces that it speaks of.
    """

    gain: int
    kind: str
    who: int
    rows: tuple[int, ...]


@dataclass
class World:
    """What faced shows of a library, and what the user has said so far. named: person -> who it is."""

    library: Labelled
    said: Said = field(default_factory=Said)
    named: dict[PersonId, int] = field(default_factory=dict)
    highest: int = 0

    def __post_init__(self) -> None:
        self.settings = settings_of(self.library)
        faces = self.library.faces
        kept = Kept(rules_of(self.settings))
        kept.follow(faces)
        found = kept.show()
        self.near = Near(found.nearest, found.distances, found.eligible)
        self.clusters = clusters_of(faces, kept, self.settings)
        self.row_of = {FaceId(face): row for row, face in enumerate(faces.ids.tolist())}
        self.previous: dict[FaceId, PersonId] = {}
        self.decide()

    def decide(self) -> None:
        """As a pass does after the user said something."""
        faces, said = self.library.faces, self.said
        decided = assign_persons(faces, self.clusters, self.previous, said)
        self.suggestions = propose_faces(
            faces, self.clusters, decided, said, self.near, within=self.settings.suggest
        )
        self.previous = {
            face: PersonId(number if number > 0 else self.highest - number)
            for face, number in decided.persons.items()
        }
        self.highest += decided.new_count
        self.owners = np.zeros(len(faces), dtype=np.int64)
        for face, person in self.previous.items():
            self.owners[self.row_of[face]] = person

    def say(self, actions: list[Action]) -> None:
        """What these say is added to the user's word, and all is decided anew."""
        pins, anchors = dict(self.said.pins), dict(self.said.anchors)
        person_of = {who: person for person, who in self.named.items()}
        for action in actions:
            if action.who not in person_of:
                self.highest += 1
                owner = PersonId(int(self.owners[action.rows[0]]))
                person = owner if action.kind == "name" else PersonId(self.highest)
                person_of[action.who], self.named[person] = person, action.who
            told = pins if action.kind == "drag" else anchors
            told |= {FaceId(int(self.library.faces.ids[row])): person_of[action.who] for row in action.rows}
        self.said = Said(pins, {}, anchors, frozenset(self.named))
        self.decide()

    def right(self) -> Labels:
        """The rows that are in the folder of who they are."""
        who = self.who()
        return np.flatnonzero(who == self.library.people)

    def who(self) -> Labels:
        """(n,) whose folder each face is in by name, -1: nobody's."""
        persons = np.array([0, *self.named], dtype=np.int64)
        whom = np.array([-1, *self.named.values()], dtype=np.intp)
        order = np.argsort(persons)
        places = np.minimum(np.searchsorted(persons[order], self.owners), len(persons) - 1)
        return np.where(persons[order][places] == self.owners, whom[order][places], -1)


def find_actions(world: World, wanted: Labels) -> Iterator[Action]:
    """What the user may do now. wanted: (n,) bool by row, of the people who are to be named."""
    people, who = world.library.people, world.who()
    known = set(world.named.values())
    folders: dict[int, list[int]] = defaultdict(list)
    for row in np.flatnonzero((world.owners > 0) & (who < 0)).tolist():
        folders[int(world.owners[row])].append(row)
    for rows in folders.values():
        [(mostly, count)] = Counter(people[rows].tolist()).most_common(1)
        gain = 2 * count - len(rows)
        is_wanted = wanted[rows][people[rows] == mostly].any()
        if gain > 0 and is_wanted and len({world.library.photos[row] for row in rows}) >= SHOWN:
            yield Action(gain, "merge" if mostly in known else "name", mostly, tuple(rows))
    proposed: dict[PersonId, list[Suggestion]] = defaultdict(list)
    for one in world.suggestions:
        proposed[one.person].append(one)
    for person, units in proposed.items():
        rows = [world.row_of[face] for unit in units for face in unit.faces]
        right = int((people[rows] == world.named[person]).sum())
        if 2 * right > len(rows):
            yield Action(2 * right - len(rows), "accept", world.named[person], tuple(rows))
    astray: dict[int, int] = {}
    for row in np.flatnonzero(wanted & (who != people)).tolist():
        astray.setdefault(int(people[row]), row)
    for person_number, row in astray.items():
        yield Action(1, "drag", person_number, (row,))


def name_people(world: World, wanted: Labels) -> None:
    """Everybody who has a folder is named in the best one, all at once."""
    best: dict[int, Action] = {}
    for action in find_actions(world, wanted):
        if action.kind == "name":
            best[action.who] = max(best.get(action.who, action), action)
    world.say(sorted(best.values(), key=_rank))


def count_proposals(library: Labelled) -> dict[str, float]:
    """What is suggested once everybody is named who has five faces and a folder, and how much of it is right."""
    world = World(library)
    name_people(world, (np.bincount(library.people) >= ENOUGH)[library.people])
    return {f"proposed{key}": value for key, value in rate_proposals(world).items()}


def rate_proposals(world: World) -> dict[str, float]:
    """How many faces are suggested now, in how many units, the share that is right, and of what is left how much it finds."""
    people = world.library.people
    pairs = [(world.named[one.person], world.row_of[face]) for one in world.suggestions for face in one.faces]
    right = sum(1 for who, row in pairs if people[row] == who)
    left = np.isin(people[world.who() < 0], list(world.named.values())).sum()
    return {
        "": len(pairs),
        "_units": len(world.suggestions),
        "_precision": right / len(pairs) if pairs else 1.0,
        "_found": right / max(1, int(left)),
    }


def _rank(action: Action) -> tuple[int, str, tuple[int, ...]]:
    return -action.gain, action.kind, action.rows


def simulate(library: Labelled, *, everybody: bool = False) -> dict[str, float]:
    """User actions a person until 90 % and 99 % of the faces of the people who are named are right.

    Those are all with at least five faces who have a folder to be named, or everybody with as many. The actions: name a
    folder; drop one into another of the same person; accept all that is suggested to a person; drag one face (into a
    new folder, if the person has none). One that brings in wrong faces mends less by as many.
    """
    wanted = (np.bincount(library.people) >= ENOUGH)[library.people]
    world = World(library)
    if not everybody:
        with_folder = [one.who for one in find_actions(world, wanted) if one.kind == "name"]
        wanted &= np.isin(library.people, with_folder)
    people, total = len(np.unique(library.people[wanted])), int(wanted.sum())
    done: Counter[str] = Counter()
    reached: dict[float, int] = {}
    while True:
        right = int(wanted[world.right()].sum())
        for goal in GOALS:
            if right >= goal * total:
                reached.setdefault(goal, done.total())
        if len(reached) == len(GOALS):
            break
        best: dict[int, Action] = {}
        for action in find_actions(world, wanted):
            best[action.who] = max(best.get(action.who, action), action)
        chosen = sorted(best.values(), key=_rank)[: max(1, people // STEP)]
        chosen = [one for one in chosen if 2 * one.gain >= chosen[0].gain]
        done.update(one.kind for one in chosen)
        world.say(chosen)
    who = world.who()
    return {
        "people": people,
        "actions_90": reached[GOALS[0]] / max(1, people),
        "actions_99": reached[GOALS[1]] / max(1, people),
        "named_precision": float((who == library.people)[who >= 0].mean()) if (who >= 0).any() else 1.0,
        **{f"actions_{kind}": done[kind] for kind in ("name", "merge", "accept", "drag")},
    }
