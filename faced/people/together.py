"""Who is together: from who is near whom to clusters, each all of what looks like one person. Pure.

One face of each group of near-copies is compared, the others go with it. Faces too small or blurred to say who is
there carry nothing; they only attach, or not even that. What the last run saw and did is kept, so that the next one
plays only what can have changed (see `joining`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faced.model import Gate
from faced.people.attaching import Joined, Votes, attach_left_over
from faced.people.faces import NOISE, Attached, Clusters, Faces
from faced.people.groups import Pairs
from faced.people.joining import REACH, START, STEPS, Course, Joining, join_starts
from faced.people.links import Cast, Change, Links
from faced.people.neighbours import Neighbourhood, Reach
from faced.people.past import Round

__all__ = [
    "Company",
    "clusters_from",
    "follow_company",
    "gather_cast",
    "load_company",
    "reach_of",
    "save_company",
]


@dataclass(frozen=True, slots=True, eq=False)
class Company:
    """Who is together, and what it was made from, for the next run. votes: of each round of attaching."""

    course: Course
    votes: list[Votes]
    joined: Joined


def reach_of(eps: float, min_samples: int) -> Reach:
    """What of the neighbours is wanted to join by `eps`: strict cores, and who is near. min_samples: of a core."""
    return Reach(START * eps, min_samples, wide=REACH * eps)


def gather_cast(
    faces: Faces,
    found: Neighbourhood,
    groups: NDArray[np.intp],
    shared: NDArray[np.intp],
    rule: Joining,
    gate: Gate,
) -> Cast:
    """Who takes part: of each group of near-copies, (n,), the eligible face, or else the first that may join. found: the
    neighbours of the n faces; of each group one is eligible at most. shared: rows that are not alone in their group.
    """
    takes_part = faces.can_join(gate) | found.eligible
    best = shared[np.lexsort((~takes_part[shared], ~found.eligible[shared], groups[shared]))]
    is_chosen = takes_part[best]
    is_chosen[1:] &= groups[best[1:]] != groups[best[:-1]]
    takes_part[shared] = False
    takes_part[best[is_chosen]] = True
    starts = np.where(found.cores, found.parts, np.arange(len(faces), dtype=np.int32))
    starts[~takes_part] = NOISE
    photos = faces.number_photos()
    nearest, distances = found.nearest, found.distances
    return Cast(found.embeddings, photos, starts, found.eligible, nearest, distances, REACH * rule.eps)


def follow_company(
    cast: Cast, rule: Joining, before: Company | None = None, change: Change | None = None
) -> Company:
    """Who is together. before, change: the last run with this rule, and what became of its faces; None: from scratch."""
    course, sums, members, new = join_starts(cast, rule, None if before is None else before.course, change)
    votes = None if before is None else before.votes
    joined, votes = attach_left_over(cast, rule, course, sums, members, new, votes, change)
    return Company(course, votes, joined)


def clusters_from(joined: Joined, cast: Cast, groups: NDArray[np.intp], shared: NDArray[np.intp]) -> Clusters:
    """What was found, with the near-copies of each face. groups, shared: see gather_cast."""
    cores = cast.carries & (joined.labels != NOISE)
    cores[joined.rows] = False
    labels = joined.labels.astype(np.intp)
    together = shared[labels[shared] != NOISE]
    labels[groups[together]] = labels[together]
    labels[shared] = labels[groups[shared]]
    is_there = joined.labels[joined.rows] != NOISE
    attached = Attached(
        joined.rows[is_there],
        joined.distances[is_there],
        joined.seconds[is_there],
        joined.second_distances[is_there],
    )
    return Clusters(labels, cores, groups, attached)


def save_company(company: Company) -> dict[str, NDArray[Any]]:
    """As columns of numbers."""
    course = company.course
    columns: dict[str, NDArray[Any]] = {
        "starts": course.starts,
        "labels": course.labels,
        "members": course.members,
    }
    columns |= {f"links.{f.name}": getattr(course.links, f.name) for f in fields(Links)}
    rounds = [one for step in course.steps for one in step]
    columns["steps"] = np.array([len(step) for step in course.steps], dtype=np.int32)
    for name, parts in (
        ("ones", [one.pairs.ones for one in rounds]),
        ("others", [one.pairs.others for one in rounds]),
        ("distances", [one.pairs.distances for one in rounds]),
        ("movers", [one.movers for one in rounds]),
        ("targets", [one.targets for one in rounds]),
        ("refused", [one.refused for one in rounds]),
        ("places", [one.places for one in rounds]),
    ):
        columns[f"rounds.{name}"] = _joined(parts)
    columns["rounds.pairs"] = np.array([len(one.pairs.ones) for one in rounds], dtype=np.int32)
    columns["rounds.moves"] = np.array([len(one.movers) for one in rounds], dtype=np.int32)
    columns["rounds.refusals"] = np.array([len(one.refused) for one in rounds], dtype=np.int32)
    columns |= {
        f"votes.{f.name}": _joined([getattr(v, f.name) for v in company.votes]) for f in fields(Votes)
    }
    columns["votes"] = np.array([len(votes.rows) for votes in company.votes], dtype=np.int32)
    columns |= {f"joined.{f.name}": getattr(company.joined, f.name) for f in fields(Joined)}
    return columns


def load_company(columns: Mapping[str, NDArray[Any]]) -> Company:
    """What was saved."""

    def cut(prefix: str, kind: Callable[..., Any]) -> Any:
        return kind(*(columns[f"{prefix}.{f.name}"] for f in fields(kind)))  # type: ignore[arg-type]

    pairs, moves = np.cumsum(columns["rounds.pairs"])[:-1], np.cumsum(columns["rounds.moves"])[:-1]
    split = {name: np.split(columns[f"rounds.{name}"], pairs) for name in ("ones", "others", "distances")}
    went = {name: np.split(columns[f"rounds.{name}"], moves) for name in ("movers", "targets")}
    refusals = np.cumsum(columns["rounds.refusals"])[:-1]
    stayed = {name: np.split(columns[f"rounds.{name}"], refusals) for name in ("refused", "places")}
    rounds = [
        Round(
            Pairs(split["ones"][n], split["others"][n], split["distances"][n]),
            went["movers"][n],
            went["targets"][n],
            stayed["refused"][n],
            stayed["places"][n],
        )
        for n in range(len(columns["rounds.pairs"]))
    ]
    ends = np.cumsum(columns["steps"])
    steps = [
        rounds[int(end) - int(size) : int(end)] for end, size in zip(ends, columns["steps"], strict=True)
    ]
    parts = {
        f.name: np.split(columns[f"votes.{f.name}"], np.cumsum(columns["votes"])[:-1]) for f in fields(Votes)
    }
    votes = [Votes(*(parts[f.name][n] for f in fields(Votes))) for n in range(len(columns["votes"]))]
    course = Course(columns["starts"], cut("links", Links), steps, columns["labels"], columns["members"])
    assert len(steps) == len(STEPS)
    return Company(course, votes, cut("joined", Joined))


def _joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(parts)
