"""How `faced sync --timings` looks: what each step of a pass took, and each stage of reading a photo."""

from typing import TYPE_CHECKING, Any

from faced.faces.timings import STAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from faced.passes.full import PassReport

__all__ = ["timings_json", "timings_lines"]

_WORDS = {
    "scan": "looking at the libraries",
    "encode": "reading new photos",
    "read": "reading the people folder",
    "decide": "working out who is who",
    "show": "bringing the folders up to date",
}


def timings_json(report: "PassReport") -> dict[str, Any]:
    """Seconds of each step; and of encoding the seconds and the ms a photo of each stage, all processes together."""
    encoding = report.encoding
    photos = encoding.encoded
    return {
        "steps": {name: round(seconds, 4) for name, seconds in report.seconds.items()},
        "photos": photos,
        "faces": encoding.faces,
        "workers": encoding.workers,
        "seconds": round(encoding.seconds, 3),
        "photos_per_second": round(photos / encoding.seconds, 2) if encoding.seconds else 0.0,
        "stages": {
            name: {"seconds": round(seconds, 4), "ms_per_photo": round(1000 * seconds / max(1, photos), 3)}
            for name, seconds in _in_order(encoding.timings)
        },
    }


def timings_lines(report: "PassReport") -> list[str]:
    """Two small tables."""
    lines = [f"{'step':32}{'s':>10}"]
    lines += [f"{_WORDS[name]:32}{seconds:10.2f}" for name, seconds in report.seconds.items()]
    encoding = report.encoding
    stages = _in_order(encoding.timings)
    if not encoding.encoded or not stages:
        return lines
    total = sum(seconds for _, seconds in stages) or 1.0
    lines.append(f"{'stage, all processes together':32}{'ms a photo':>10}{'share':>8}")
    for name, seconds in stages:
        lines.append(f"{name:32}{1000 * seconds / encoding.encoded:10.1f}{seconds / total:8.1%}")
    rate = encoding.encoded / encoding.seconds
    lines.append(
        f"{encoding.encoded} photos in {encoding.seconds:.1f} s: {rate:.1f} photos/s with {encoding.workers}"
        f" worker{'' if encoding.workers == 1 else 's'}"
    )
    return lines


def _in_order(timings: "Mapping[str, float]") -> list[tuple[str, float]]:
    known = [(name, timings[name]) for name in STAGES if name in timings]
    return known + sorted((name, seconds) for name, seconds in timings.items() if name not in STAGES)
