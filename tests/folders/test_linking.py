"""How links are laid out: texts and years by themselves, then plans from any layout to any other."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faced.folders.hold import hold_tree
from faced.folders.linking import Layout, Years, absolute_text, is_year_folder, relative_text
from faced.folders.plan import PhotoPath, plan_tree
from tests.folders.test_plan import worlds
from tests.support.treemodel import TreeModel

ROOT = b"/home/me/People"
YEARS = {b"a.jpg": 2018, b"b.jpg": 2019, b"d/a.jpg": 2018, b"e/a (2).jpg": 2018}


@pytest.mark.parametrize("folder", [b"Anna", b"Family/Oma", b"a/b/c/2019"])
@pytest.mark.parametrize("root", [b"/home/me/People", b"/", b"/media/disk/p p"])
def test_a_relative_text_leads_back_to_the_photo(root: bytes, folder: bytes) -> None:
    """Whatever is above."""
    photo = PhotoPath(b"/home/me/Photos", b"2019/a.jpg", 7)
    text = relative_text(photo.text, root, folder)
    assert absolute_text(text, root, folder) == photo.text
    assert Layout(root).find_photo(text, b"else/where/far/away", [photo]) == photo
    assert Layout().find_photo(text, folder, [photo]) == photo
    assert Layout(root).find_photo(photo.text, folder, [photo]) == photo


def test_where_a_link_belongs() -> None:
    """By the year in the photo, where folders are divided."""
    dated, undated = PhotoPath(b"/p", b"a.jpg", 7, 2019), PhotoPath(b"/p", b"b.jpg", 7)
    keep, divide, gather = (Layout(None, years) for years in Years)
    assert divide.folder_of(b"Anna", dated) == b"Anna/2019"
    assert {layout.folder_of(b"Anna", undated) for layout in (keep, divide, gather)} == {b"Anna"}
    assert [layout.is_right(b"Anna", b"Anna", dated) for layout in (keep, divide, gather)] == [
        True,
        False,
        True,
    ]
    assert [layout.is_right(b"Anna/2019", b"Anna", dated) for layout in (keep, divide, gather)] == [
        True,
        True,
        False,
    ]
    assert gather.is_right(b"Anna/2018", b"Anna", dated)
    assert gather.is_right(b"Anna/Best", b"Anna", dated)


def date(photos):
    """Photos of 2018, of 2019 and without a date."""
    return {i: tuple(replace_year(photo) for photo in found) for i, found in photos.items()}


def replace_year(photo):
    return photo._replace(year=YEARS.get(photo.path))


@settings(deadline=None)
@given(st.lists(st.tuples(worlds(), st.sampled_from([None, ROOT]), st.booleans()), min_size=1, max_size=4))
def test_a_plan_makes_any_layout_of_any_other(history):
    """Each operation is possible; every link leads to a photo of its image from where it is; a second plan is empty.

    Divided, what is in a person's folder itself has no date. Gathered, nothing of a year is left in folders of years,
    which are gone. An album is never divided.
    """
    model, was_divided = TreeModel(), False
    for (shown, photos), root, is_divided in history:
        shown = [replace(person, may_divide=person.id % 3 != 0) for person in shown]
        dated = date(photos)
        years = Years.DIVIDE if is_divided else Years.GATHER if was_divided else Years.KEEP
        layout, was_divided = Layout(root, years), is_divided
        for _ in range(3):
            for operation in plan_tree(
                shown, dated, model.base, model.disk, hold_tree(model.base, model.disk), layout=layout
            ):
                model.apply(operation)
        base, disk = model.base, model.disk
        assert plan_tree(shown, dated, base, disk, hold_tree(base, disk), layout=layout) == ()
        paths = {folder.id: folder.path for folder in model.folders}
        assert sorted((link.person, link.image) for link in model.links) == sorted(
            (person.id, image) for person in shown for image in person.images if dated.get(image)
        )
        for link in model.links:
            folder = paths[link.folder]
            photo = next(p for p in dated[link.image] if layout.text(p, folder) == link.text)
            if is_divided and link.person % 3 and photo.year is not None:
                assert folder.endswith(b"/%d" % photo.year)
            else:
                assert not is_year_folder(folder)
        if not is_divided:
            assert not any(is_year_folder(path) for path in paths.values())
