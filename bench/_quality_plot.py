"""The plot of `quality`: where each way of clustering stands, and what moving each threshold does to faced."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["draw"]

COLOURS = {
    "faced": "#c2185b",
    "dbscan_0.5_5": "#607d8b",
    "dbscan_best": "#1976d2",
    "hdbscan": "#388e3c",
    "chinese_whispers": "#f57c00",
}
LINES = {"precision": "#1976d2", "recall": "#388e3c", "f": "#c2185b"}
SIDE, GAP, ACROSS = 210, 44, 4
LOW = 0.3
"""Where the axes of precision and recall begin."""
BOTTOM = 0.7
"""Where those of the curves do."""
SMALL = (96, 130)

Report = Mapping[str, Mapping[str, Mapping[str, float]]]
Curves = Mapping[str, list[dict[str, Any]]]


def draw(report: Report, curves: Curves, path: Path) -> None:
    """A panel for each set: recall to the right, precision up; below, a row of curves for each library that has them."""
    parts: list[str] = []
    for n, (name, methods) in enumerate(report.items()):
        parts += _draw_set(name, methods, *_corner(n))
    left, top = _corner(len(report))
    parts += _draw_legend(COLOURS, left, top)
    height = top + SIDE + GAP
    for name, rows in curves.items():
        parts += _draw_curves(name, rows, GAP, height)
        height += SMALL[1] + 2 * GAP
    width = ACROSS * (SIDE + GAP) + GAP
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
        f'font-size="11"><title>faced and other ways to cluster; what moving a threshold does</title>'
        f'<rect width="{width}" height="{height}" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _corner(n: int) -> tuple[int, int]:
    return GAP + n % ACROSS * (SIDE + GAP), GAP + n // ACROSS * (SIDE + GAP)


def _draw_set(name: str, methods: Mapping[str, Mapping[str, float]], left: int, top: int) -> list[str]:
    parts = [
        f'<rect x="{left}" y="{top}" width="{SIDE}" height="{SIDE}" fill="none" stroke="#999"/>',
        f'<text x="{left}" y="{top - 6}" font-weight="bold">{name}</text>',
        f'<text x="{left + SIDE - 116}" y="{top - 6}" fill="#777">precision up, recall right</text>',
    ]
    for tick in (0.4, 0.6, 0.8, 1.0):
        at = (tick - LOW) / (1 - LOW) * SIDE
        parts.append(f'<text x="{left + at - 8:.1f}" y="{top + SIDE + 12}" fill="#777">{tick}</text>')
        parts.append(f'<text x="{left - 20}" y="{top + SIDE - at + 4:.1f}" fill="#777">{tick}</text>')
    for method, found in methods.items():
        x = left + max(0.0, (found["recall"] - LOW) / (1 - LOW)) * SIDE
        y = top + SIDE - max(0.0, (found["precision"] - LOW) / (1 - LOW)) * SIDE
        size = 6 if method == "faced" else 4
        figures = " / ".join(f"{found[key]:.3f}" for key in LINES)
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}" fill="{COLOURS.get(method, "#000")}">'
            f"<title>{method} {figures}</title></circle>"
        )
    return parts


def _draw_legend(colours: Mapping[str, str], left: int, top: int) -> list[str]:
    parts = []
    for n, (name, colour) in enumerate(colours.items()):
        parts.append(f'<circle cx="{left + 8}" cy="{top + 16 + 20 * n}" r="5" fill="{colour}"/>')
        parts.append(f'<text x="{left + 20}" y="{top + 20 + 20 * n}">{name}</text>')
    return parts


def _draw_curves(name: str, rows: list[dict[str, Any]], left: int, top: int) -> list[str]:
    width, height = SMALL
    parts = [
        f'<text x="{left}" y="{top - 22}" font-weight="bold">{name}: one threshold moved by up to 0.02</text>'
    ]
    for n, (key, colour) in enumerate(LINES.items()):
        parts.append(f'<text x="{left + 300 + 70 * n}" y="{top - 22}" fill="{colour}">{key}</text>')
    thresholds = list(dict.fromkeys(row["threshold"] for row in rows))
    for n, threshold in enumerate(thresholds):
        x0 = left + n * (width + 24)
        some = [row for row in rows if row["threshold"] == threshold]
        furthest = max(row["moved"] for row in some)
        parts.append(
            f'<rect x="{x0}" y="{top}" width="{width}" height="{height}" fill="none" stroke="#999"/>'
        )
        parts.append(f'<text x="{x0}" y="{top - 6}">{threshold}</text>')
        for tick in (BOTTOM, 0.8, 0.9, 1.0) if n == 0 else ():
            at = top + height - (tick - BOTTOM) / (1 - BOTTOM) * height
            parts.append(f'<text x="{x0 - 20}" y="{at + 4:.1f}" fill="#777">{tick}</text>')
        for key, colour in LINES.items():
            points = " ".join(
                f"{x0 + (row['moved'] / furthest + 1) / 2 * width:.1f},"
                f"{top + height - max(0.0, (row[key] - BOTTOM) / (1 - BOTTOM)) * height:.1f}"
                for row in some
            )
            parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
    return parts
