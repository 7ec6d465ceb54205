"""When a photo was taken, from the date texts of its EXIF block.

Values in, values out; never raises, whatever a camera wrote. Cameras without a clock write zeros,
blanks or impossible dates: these are no date at all, and the next best text is asked.
"""

import re
from datetime import datetime

__all__ = ["exif_date", "taken_date"]

_FORM = re.compile(r"([0-9]{4}):([0-9]{2}):([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})")
_FIRST_YEAR = 1826  # the oldest photograph; `0001:01:01` is what an unset clock writes


def exif_date(value: object) -> str | None:
    """`YYYY:MM:DD HH:MM:SS` as `YYYY-MM-DDTHH:MM:SS`, or None for everything else.

    >>> exif_date("2019:07:14 18:03:59")
    '2019-07-14T18:03:59'
    >>> exif_date("0000:00:00 00:00:00")
    """
    if not isinstance(value, str):
        return None
    match = _FORM.fullmatch(value.rstrip("\0 "))
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups())
    if year < _FIRST_YEAR:
        return None
    try:
        return datetime(year, month, day, hour, minute, second).isoformat()
    except ValueError:
        return None


def taken_date(original: object, digitized: object, changed: object) -> str | None:
    """The first that is a date of DateTimeOriginal, DateTimeDigitized and DateTime."""
    for value in (original, digitized, changed):
        if (date := exif_date(value)) is not None:
            return date
    return None
