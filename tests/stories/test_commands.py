"""What is said and done by command: two persons become one and are split again, strangers go and come back."""

import pytest

from faced.demo import DemoLibrary
from faced.errors import UsageError
from faced.passes.say import hide_person, merge_persons, name_person, show_person, take_back
from tests.stories.test_names import name_all, names_of
from tests.support.app import QUICK, App, look_at
from tests.support.inside import Inside


@pytest.fixture
def synced(known: App) -> App:
    """A synced home with three persons without names."""
    known.sync()
    return known


def numbers_of(app: App) -> dict[str, int]:
    """Folder to person."""
    rows = app.rows("SELECT path, person FROM folders")
    return {path.decode(): person for path, person in rows}


def test_a_merge_is_shown_at_once_and_its_undo_splits_exactly(synced: App) -> None:
    """Without names: by number and by folder. The same folders with the same numbers and links, and again merged."""
    inside, before = Inside(synced), synced.folders()
    one, two, three = sorted(before)
    inside.say(merge_persons, one.removeprefix("Person "), str(synced.people / two))
    merged = synced.folders()
    assert merged == {two: before[one] | before[two], three: before[three]}
    untouched = look_at(synced.people)
    assert not inside.sync()
    assert look_at(synced.people) == untouched
    undo = inside.say(take_back, 1)
    assert synced.folders() == before
    assert numbers_of(synced) == {name: int(name.removeprefix("Person ")) for name in before}
    assert not inside.sync()
    again = inside.say(take_back, 1, [undo.edits[0].id])
    assert synced.folders() == merged
    inside.say(take_back, 1, [f"#{again.edits[0].number}"])
    assert synced.folders() == before
    assert numbers_of(synced) == {name: int(name.removeprefix("Person ")) for name in before}


def test_merging_persons_with_names_and_undo(synced: App, demo: DemoLibrary) -> None:
    """Ben was Anna: her name stays, his comes back with all that was his; one without a name takes one."""
    name_all(synced, demo)
    inside = Inside(synced)
    inside.sync()
    before, names = synced.folders(), names_of(synced)
    inside.say(merge_persons, "ben", "Anna")
    assert synced.folders()["Anna"] == before["Anna"] | before["Ben"]
    assert "Ben" not in synced.folders()
    ben = str(next(number for number, name in names.items() if name == "Ben"))
    for who in ("Anna", ben):
        with pytest.raises(UsageError, match="one person already"):
            merge_persons(inside.run, who, "Anna")
    inside.say(take_back, 1)
    assert synced.folders() == before
    assert names_of(synced) == names
    inside.say(name_person, "Ben", None)
    inside.say(merge_persons, "Anna", ben)
    assert synced.folders()["Anna"] == before["Anna"] | before["Ben"]
    inside.say(take_back, 2)
    assert synced.folders() == before


def test_a_merge_survives_other_settings(synced: App) -> None:
    """What was merged is one person however the faces are grouped."""
    inside = Inside(synced)
    one, two, _ = sorted(synced.folders())
    photos = synced.folders()[one] | synced.folders()[two]
    inside.say(merge_persons, one, two)
    config = synced.home / "config" / "faced" / "config.yaml"
    config.write_text(f"cluster: {{eps: 0.3}}\n{QUICK}")
    Inside(synced).sync()
    assert synced.folders()[two] >= photos
    inside.sync()
    assert synced.folders()[two] == photos


def test_hidden_and_shown_again(synced: App) -> None:
    """No folder, listed as ignored, known when nothing else changes; and back under the same number."""
    inside, before = Inside(synced), synced.folders()
    one = sorted(before)[0]
    inside.say(hide_person, one)
    assert one not in synced.folders()
    assert {row["id"]: row["state"] for row in synced.json("people")}[int(one.split()[1])] == "ignored"
    with pytest.raises(UsageError, match="is hidden as it is"):
        hide_person(inside.run, one)
    assert not inside.sync()
    inside.say(show_person, one)
    assert synced.folders() == before
    with pytest.raises(UsageError, match="is not hidden as it is"):
        show_person(inside.run, one)
    undo = inside.say(take_back, 1)
    assert one not in synced.folders()
    inside.say(take_back, 1, [undo.edits[0].id])
    assert synced.folders() == before


@pytest.mark.installed
def test_the_installed_commands_speak_of_edits_in_one_way(synced: App) -> None:
    """A number that `faced log` shows is one that `faced undo` takes and says."""
    one, two, _ = sorted(synced.folders())
    said = synced.run("merge", one, two).stdout.splitlines()
    assert f"{one} is {two} (command)" in said[-1]
    number = said[-1].partition(" ")[0]
    assert any(line.startswith(f"{number}  ") for line in synced.run("log").stdout.splitlines())
    assert f"taken back: {number}, {one} is {two} (command)" in synced.run("undo", "--edit", number).stdout
    assert "no edit 99999" in synced.run("undo", "--edit", "99999", status=2).stderr
    synced.run("hide", two)
    assert two not in synced.folders()


@pytest.mark.installed
def test_clean_takes_away_what_faced_made_and_names_stay(synced: App, demo: DemoLibrary) -> None:
    """Asked for without a terminal nothing happens; with --yes the folder is empty, and the next sync makes it anew."""
    name_all(synced, demo)
    Inside(synced).sync()
    before, log = synced.folders(), synced.json("log")
    (synced.people / "mine.txt").write_text("mine")
    assert "--yes" in synced.run("clean", status=2).stderr
    assert synced.folders() == before
    synced.run("clean", "--yes")
    assert [path.name for path in synced.people.iterdir()] == ["mine.txt"]
    assert "nothing to take away" in synced.run("clean", "--yes", status=1).stderr
    synced.sync()
    assert synced.folders() == before
    assert synced.json("log") == log
