"""Dates of cameras, and what cameras without a clock write."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from faced.pictures.dates import exif_date, taken_date


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2019:07:14 18:03:59", "2019-07-14T18:03:59"),
        ("2020:02:29 00:00:00", "2020-02-29T00:00:00"),
        ("1999:12:31 23:59:59\0", "1999-12-31T23:59:59"),
        ("2004:01:02 03:04:05  ", "2004-01-02T03:04:05"),
    ],
)
def test_a_date_is_read(text, date):
    """EXIF's form, padded as some cameras do, becomes ISO's."""
    assert exif_date(text) == date


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "    :  :     :  :  ",
        "0000:00:00 00:00:00",
        "0001:01:01 00:00:00",
        "2019:07:14 24:00:00",
        "2019:07:14 18:60:00",
        "2019:07:14 18:03:60",
        "2019:02:29 10:00:00",
        "2019:13:01 10:00:00",
        "2019:00:10 10:00:00",
        "2019-07-14 18:03:59",
        "2019:07:14T18:03:59",
        "2019:07:14",
        "2019:7:14 18:03:59",
        "2019:07:14 18:03:59 PM",
        "\n2019:07:14 18:03:59",
        "2019:07:14 18:03:59\n",
        "２０１９:07:14 18:03:59",
        b"2019:07:14 18:03:59",
        ("2019:07:14 18:03:59",),
        20190714,
        None,
    ],
)
def test_what_is_no_date_is_none(value):
    """Zeros, blanks, impossible dates, other forms and other types are no date."""
    assert exif_date(value) is None


@settings(deadline=None)
@given(st.one_of(st.text(), st.from_regex(r"[0-9]{4}:[0-9]{2}:[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")))
@example("2019:07:14 18:03:59")
def test_no_text_raises_and_every_date_has_one_form(text):
    """Whatever a file says, the answer is None or a date that sorts as text."""
    date = exif_date(text)
    assert date is None or re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}", date)


def test_the_moment_of_the_picture_comes_first():
    """Taken, else digitized, else changed; one that is no date is passed over."""
    first, second, third = (f"200{n}:01:01 00:00:00" for n in (1, 2, 3))
    assert taken_date(first, second, third) == "2001-01-01T00:00:00"
    assert taken_date("0000:00:00 00:00:00", second, third) == "2002-01-01T00:00:00"
    assert taken_date(None, b"", third) == "2003-01-01T00:00:00"
    assert taken_date(None, None, None) is None
