"""`library.exclude`: git is the oracle, for the patterns are those of .gitignore without negation."""

import shutil
import subprocess

import pytest

from faced.errors import ConfigError
from faced.library.exclude import compile_excludes

PATHS = [
    "a.jpg",
    "b.png",
    "a/a.jpg",
    "a/b/a.jpg",
    "a/b/c/d.jpg",
    "x/a/b/a.jpg",
    "raw/1.jpg",
    "2019/raw/1.jpg",
    "2019/raw.jpg",
    "2019/Raw/1.jpg",
    "tmp[1]/x.jpg",
    "t1/x.jpg",
    "t/x.jpg",
    "-x.jpg",
    "a b/c d.jpg",
    "*.jpg",
    "foo/bar/baz.jpg",
    "foo/baz.jpg",
    "foo/x/y/baz.jpg",
    "1^.jpg",
]
PATTERNS = [
    "a.jpg",
    "*.jpg",
    "raw",
    "raw/",
    "/raw",
    "/raw/",
    "2019/raw",
    "2019/raw/",
    "2019/*.jpg",
    "a/b",
    "a/*",
    "a/**",
    "**/b",
    "**/raw/",
    "foo/**/baz.jpg",
    "a/**/d.jpg",
    "foo/ba*",
    "?.jpg",
    "??.jpg",
    "t[0-9]",
    "t[!0-9]",
    "[ab].*",
    "[^ab].*",
    "tmp\\[1\\]",
    "\\*.jpg",
    "a b",
    "[-x]*.jpg",
    "1[\\^].jpg",
    "[]x]",
    "x[",
    "b.p?g",
]


def is_out(pattern: str, path: str) -> bool:
    """As a scan applies it: a folder that matches takes everything below it along."""
    excludes = compile_excludes([pattern])
    parts = path.split("/")
    above = ("/".join(parts[:n]) for n in range(1, len(parts)))
    return excludes.is_excluded(path.encode(), folder=False) or any(
        excludes.is_excluded(folder.encode(), folder=True) for folder in above
    )


@pytest.mark.skipif(not shutil.which("git"), reason="needs git, the oracle")
@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_means_what_it_means_to_git(pattern, tmp_path, monkeypatch):
    """The same paths are excluded as git would ignore."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text(pattern + "\n", "utf-8")
    told = subprocess.run(
        ["git", "-c", "core.excludesFile=", "check-ignore", "--no-index", "-z", "--stdin"],
        cwd=tmp_path,
        input="\0".join(PATHS).encode(),
        capture_output=True,
    ).stdout
    ignored = {path.decode() for path in told.split(b"\0") if path}
    assert {path for path in PATHS if is_out(pattern, path)} == ignored


def test_any_pattern_of_several_excludes():
    """The list is an or."""
    excludes = compile_excludes(["*.png", "raw/"])
    assert excludes.is_excluded(b"a/b.png", folder=False)
    assert excludes.is_excluded(b"a/raw", folder=True)
    assert not excludes.is_excluded(b"a/raw", folder=False)
    assert not excludes.is_excluded(b"a/b.jpg", folder=False)


def test_names_that_are_no_text_can_be_matched():
    """Bytes that are not UTF-8 and line breaks count as characters."""
    excludes = compile_excludes(["IMG*.jpg"])
    assert excludes.is_excluded(b"a/IMG\xff\xfe.jpg", folder=False)
    assert excludes.is_excluded(b"IMG\n1.jpg", folder=False)
    one = compile_excludes(["?.jpg"])
    assert one.is_excluded(b"\xff.jpg", folder=False)
    assert one.is_excluded("ü.jpg".encode(), folder=False)
    assert not one.is_excluded("üü.jpg".encode(), folder=False)


def test_without_patterns_nothing_is_excluded():
    """The default of `library.exclude` is an empty list."""
    assert not compile_excludes([]).is_excluded(b"a.jpg", folder=False)


@pytest.mark.parametrize("pattern", ["", "/", "//"])
def test_a_pattern_that_names_nothing_is_refused(pattern):
    """Else a slip in the configuration would silently do nothing."""
    with pytest.raises(ConfigError, match="must name something"):
        compile_excludes(["a.jpg", pattern])
