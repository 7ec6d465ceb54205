"""Which paths the user does not want scanned: the patterns of `library.exclude`.

Values in, values out. The patterns are those of .gitignore without negation:

* a pattern without `/` is compared with the name of each file and folder, at any depth;
* one with `/` inside or in front is compared with the whole path below the library;
* one that ends in `/` is for folders only; a folder that matches takes everything in it along;
* `*` and `?` stand for any characters and any one character but `/`, `[a-z]` and `[!a-z]` for one of a
  set, `**` for any number of folders, and a backslash takes the next character literally.

Upper and lower case differ, as they do in file names.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from faced.errors import ConfigError

__all__ = ["Excludes", "compile_excludes"]


@dataclass(frozen=True, slots=True)
class Excludes:
    """Patterns made ready. An empty one excludes nothing."""

    expression: re.Pattern[str] | None = None

    def is_excluded(self, path: bytes, *, folder: bool) -> bool:
        """Whether the path itself matches (a path relative to the library; not the folders above it)."""
        if self.expression is None:
            return False
        text = path.decode("utf-8", "surrogateescape")
        return self.expression.fullmatch(f"{text}/" if folder else text) is not None


def compile_excludes(patterns: Sequence[str]) -> Excludes:
    """Raises ConfigError for a pattern that can never mean anything."""
    if not patterns:
        return Excludes()
    return Excludes(re.compile("|".join(_translate(pattern) for pattern in patterns), re.DOTALL))


def _translate(pattern: str) -> str:
    body = pattern.removesuffix("/")
    if not body.strip("/"):
        raise ConfigError(f"library.exclude: a pattern must name something, got '{pattern}'")
    anywhere = "" if "/" in body else "(?:.*/)?"
    end = "/" if pattern.endswith("/") else "/?"
    return f"(?:{anywhere}{_translate_body(body.removeprefix('/'))}{end})"


_PARTS = re.compile(
    r"""(?P<folders> (?:(?<=/)|\A) \*\*/ )     # a/**/b: any number of folders, none included
      | (?P<rest> (?<=/) \*\* \Z )             # a/**: everything in a, not a itself
      | (?P<stars> \*+ )
      | (?P<one> \? )
      | \[ (?P<not> [!^]? ) (?P<set> \]? [^\]/]* ) \]
      | \\ (?P<literal> . )
      | (?P<plain> . )""",
    re.VERBOSE | re.DOTALL,
)


def _translate_body(body: str) -> str:
    return "".join(_translate_part(match) for match in _PARTS.finditer(body))


def _translate_part(match: re.Match[str]) -> str:
    fixed = {"folders": "(?:[^/]+/)*", "rest": ".+", "stars": "[^/]*", "one": "[^/]"}
    for group, expression in fixed.items():
        if match[group] is not None:
            return expression
    if match["set"]:
        members = re.sub(r"([\\\[\]&~|^])", r"\\\1", match["set"])
        return f"(?![/])[{'^' if match['not'] else ''}{members}]"
    return re.escape(match["literal"] or match["plain"] or match[0])
