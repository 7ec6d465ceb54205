"""File names in the people folder: which one a person or a link gets, and which ones are nobody's.

Names in, names out. Nothing here looks at a disk, and the names that a user gave in the file manager never
pass through here: they are taken as they are.
"""

import os
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator

__all__ = [
    "FOLDER_BYTES",
    "NAME_BYTES",
    "TakenNames",
    "fold_name",
    "folder_name",
    "is_form_of",
    "is_junk",
    "is_passed_over",
    "is_same_name",
    "name_of_folder",
    "numbered_name",
    "person_folder_name",
    "restored_name",
    "unique_name",
]

NAME_BYTES = 255
"""The longest file name of Linux file systems, in bytes."""
FOLDER_BYTES = 200
"""The longest folder name made from a person's name: leaves room for ` (2)` and for stricter file systems."""
LONGEST_SUFFIX = 16
"""Bytes; what is longer after the last dot is no file suffix, and numbers go behind it."""

NAMELESS = "Nameless"
UNNAMED = re.compile(r"person [0-9]+( \([0-9]+\))?")
JUNK = frozenset([b"thumbs.db", b".ds_store", b".directory", b"desktop.ini"])
PASSED_OVER = re.compile(
    rb"\..*|#recycle|@recycle.*|@eadir|lost\+found|\$recycle\.bin|system volume information"
)
BECOME_SPACES = frozenset(["Zl", "Zp", "Cc"])
# Marks that turn the reading direction, joiners of nothing, and other signs that nobody can see. The joiners of
# emoji, Persian and Indic scripts (200C, 200D), tags of flags and the visible Arabic number signs stay.
INVISIBLE = frozenset(
    chr(code)
    for first, last in (
        (0x00AD, 0x00AD),
        (0x061C, 0x061C),
        (0x180E, 0x180E),
        (0x200B, 0x200B),
        (0x200E, 0x200F),
        (0x202A, 0x202E),
        (0x2060, 0x206F),
        (0xFEFF, 0xFEFF),
        (0xFFF9, 0xFFFB),
    )
    for code in range(first, last + 1)
)
ZERO_WIDTH_JOINER = "\u200d"


def person_folder_name(number: int) -> str:
    """The folder of a person without a name.

    >>> person_folder_name(12)
    'Person 12'
    """
    return f"Person {number}"


def folder_name(name: str) -> str:
    """The name of the folder that a person of this name gets; never empty, and unchanged by a second go.

    NFC; `/` becomes `-`; line breaks and control characters become spaces; marks that turn the reading direction
    and other invisible signs go; spaces around it and dots at its end are trimmed; a first character that
    faced, the system or a desktop gives a meaning to (`.`, `_`, `Thumbs.db`) becomes its full-width twin; what
    looks like a person without a name (`Person 7`) gets a hyphen; cut to FOLDER_BYTES between graphemes.

    >>> folder_name("AC/DC"), folder_name(".."), folder_name("_Ignored"), folder_name("Person 7")
    ('AC-DC', 'Nameless', '＿Ignored', 'Person-7')
    """
    name = _clean(name)
    # Cutting may bring out a space, a dot or a reserved form, so go on until nothing changes.
    while (shorter := _clean(_cut(_escape(name), FOLDER_BYTES))) != name:
        name = shorter
    return name


def _clean(name: str) -> str:
    kept = []
    for char in name:
        category = unicodedata.category(char)
        if category in BECOME_SPACES:
            kept.append(" ")
        elif char not in INVISIBLE and category != "Cs":
            kept.append("-" if char == "/" else char)
    text = unicodedata.normalize("NFC", "".join(kept)).strip()
    while text and (text[-1] == "." or text[-1].isspace()):
        text = text[:-1]
    return text if any(unicodedata.category(char)[0] in "LNPS" for char in text) else NAMELESS


def _escape(name: str) -> str:
    raw = name.encode("utf-8")
    if name[0] == "_" or is_passed_over(raw) or is_junk(raw):
        return chr(ord(name[0]) + 0xFEE0) + name[1:]
    if UNNAMED.fullmatch(name.casefold()):
        return name.replace(" ", "-", 1)
    return name


def _cut(text: str, limit: int) -> str:
    """At most `limit` bytes, whole graphemes where the first one fits."""
    if len(text.encode("utf-8")) <= limit:
        return text
    kept, size = [], 0
    for grapheme in _graphemes(text):
        size += len(grapheme.encode("utf-8"))
        if size > limit:
            break
        kept.append(grapheme)
    return "".join(kept) or text.encode("utf-8")[:limit].decode("utf-8", "ignore")


def _graphemes(text: str) -> Iterator[str]:
    """What a reader takes for one sign: a base with its marks, joined emoji, flags, Hangul in letters."""
    current = ""
    for char in text:
        if current and not _is_joined(current, char):
            yield current
            current = ""
        current += char
    if current:
        yield current


def _is_joined(before: str, char: str) -> bool:
    code, last = ord(char), before[-1]
    if unicodedata.category(char)[0] == "M" or char == ZERO_WIDTH_JOINER or last == ZERO_WIDTH_JOINER:
        return True
    if 0x1F3FB <= code <= 0x1F3FF or 0xE0020 <= code <= 0xE007F:  # skin tones; tags of flags
        return True
    if 0x1F1E6 <= code <= 0x1F1FF:  # regional indicators come in pairs
        return len(before) == 1 and 0x1F1E6 <= ord(last) <= 0x1F1FF
    return 0x1160 <= code <= 0x11FF and 0x1100 <= ord(last) <= 0x11FF


def name_of_folder(folder: bytes) -> str | None:
    """The name that a user gives by calling a folder so: the text as it is; None: it says that there is none.

    >>> name_of_folder(b"Anna (2)"), name_of_folder(b"Person 7"), name_of_folder(b"\\xff")
    ('Anna (2)', None, '\\udcff')
    """
    text = folder.decode("utf-8", "surrogateescape")
    return None if UNNAMED.fullmatch(text.casefold()) else text


def is_same_name(folder: bytes, name: str | None, known: str | None) -> bool:
    """Whether a folder called so, which says `name`, says nothing new of somebody who is called `known`: another
    form of the same letters, or what faced itself would call the folder.
    """
    if name is None or known is None:
        return name == known
    same = unicodedata.normalize("NFC", name) == unicodedata.normalize("NFC", known)
    return same or folder == folder_name(known).encode("utf-8")


def is_junk(name: bytes) -> bool:
    """Whether a desktop put this file there by itself. Such files neither count nor keep a folder alive."""
    return name.lower() in JUNK or name.startswith(b"._")


def is_passed_over(name: bytes) -> bool:
    """Whether a folder of this name is never looked into: hidden ones, rubbish bins, what systems put there."""
    return PASSED_OVER.fullmatch(name.lower()) is not None


def fold_name(name: bytes) -> str:
    """Names with the same fold are one name on some file system: casefold and NFC."""
    text = unicodedata.normalize("NFC", name.decode("utf-8", "surrogateescape"))
    return text if text.isascii() and text.islower() else unicodedata.normalize("NFC", text.casefold())


def unique_name(
    wanted: bytes, taken: Collection[str], *, is_file: bool, limit: int = NAME_BYTES, first: int = 2
) -> bytes:
    """`wanted`, or with the lowest number from `first` on whose fold is not in `taken`.

    limit: bytes, of the result.

    >>> unique_name(b"a.jpg", {"a.jpg", "a (2).jpg"}, is_file=True)
    b'a (3).jpg'
    """
    name = numbered_name(wanted, 1, is_file=is_file, limit=limit)
    number = first
    while fold_name(name) in taken:
        name = numbered_name(wanted, number, is_file=is_file, limit=limit)
        number += 1
    return name


def numbered_name(wanted: bytes, number: int, *, is_file: bool, limit: int = NAME_BYTES) -> bytes:
    """`wanted` with ` (number)` before its suffix; 1 stands for no number. The stem is cut to fit `limit`."""
    return _with_tag(wanted, b"" if number == 1 else b" (%d)" % number, is_file, limit)


def restored_name(name: bytes, number: int, *, limit: int = NAME_BYTES) -> bytes:
    """Where a user's file goes when its own name was taken meanwhile.

    >>> restored_name(b"a.jpg", 1), restored_name(b"a.jpg", 2)
    (b'a (restored).jpg', b'a (restored 2).jpg')
    """
    return _with_tag(name, b" (restored)" if number == 1 else b" (restored %d)" % number, True, limit)


def _with_tag(name: bytes, tag: bytes, is_file: bool, limit: int) -> bytes:
    stem, suffix = os.path.splitext(name) if is_file else (name, b"")
    if len(suffix) > LONGEST_SUFFIX:
        stem, suffix = name, b""
    room = limit - len(tag) - len(suffix)
    if len(stem) > room:
        cut = stem[:room]
        try:
            stem.decode("utf-8")
        except UnicodeDecodeError:
            stem = cut  # no text: any byte is as good a place to cut
        else:
            stem = cut.decode("utf-8", "ignore").encode("utf-8")
    return stem + tag + suffix


NUMBER = re.compile(rb" \(([2-9]|[1-9][0-9]{1,8})\)")


def is_form_of(name: bytes, wanted: bytes, *, is_file: bool, limit: int = NAME_BYTES) -> bool:
    """Whether unique_name may have made `name` out of `wanted`: itself, or with a number.

    >>> is_form_of(b"a (3).jpg", b"a.jpg", is_file=True), is_form_of(b"b.jpg", b"a.jpg", is_file=True)
    (True, False)
    """
    if (name == wanted and len(name) <= limit) or name == numbered_name(
        wanted, 1, is_file=is_file, limit=limit
    ):
        return True
    return any(
        name == numbered_name(wanted, int(match.group(1)), is_file=is_file, limit=limit)
        for match in NUMBER.finditer(name)
    )


class TakenNames:
    """The names in one folder, to find free ones in; many clashes of one name cost no more than a few."""

    def __init__(self, names: Iterable[bytes], limit: int = NAME_BYTES) -> None:
        self._taken = {fold_name(name) for name in names}
        self._limit = limit
        self._next: dict[bytes, int] = {}

    def claim(self, wanted: bytes, *, is_file: bool) -> bytes:
        """A free name, which is taken from now on."""
        first = self._next.get(wanted, 2)
        name = unique_name(wanted, self._taken, is_file=is_file, limit=self._limit, first=first)
        if name != wanted and (numbers := NUMBER.findall(name)):
            self._next[wanted] = max(first, int(numbers[-1]))
        self._taken.add(fold_name(name))
        return name
