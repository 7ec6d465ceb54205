"""The configuration: defaults, faults that are all named, and the example file that explains every key."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from faced.config import KEYS, Config, load_config, parse_config
from faced.errors import ConfigError
from faced.faces.engine import ENGINES, engine_record

EXAMPLE = Path(__file__).parents[1] / "config.example.yaml"


def uncommented(text: str) -> str:
    """The example with its commented-out keys switched on."""
    lines = []
    for line in text.splitlines():
        match = re.match(r"^( *)# ((?:[a-z_]+:|  - ).*)$", line)
        lines.append(match.group(1) + match.group(2) if match else line)
    return "\n".join(lines)


def test_without_a_file_every_key_has_its_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`faced sync ~/Pictures --people ~/People` needs no file."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert load_config(None) == Config()


def test_the_example_says_the_defaults() -> None:
    """What stands in the example, commented keys apart, changes nothing."""
    assert parse_config(EXAMPLE.read_text("utf-8"), EXAMPLE) == Config()


def test_the_example_explains_every_key_and_no_other() -> None:
    """Each key stands there with a comment above it."""
    text = uncommented(EXAMPLE.read_text("utf-8"))
    given_keys = set()
    for key, value in yaml.safe_load(text).items():
        given_keys |= {f"{key}.{inner}" for inner in value} if isinstance(value, dict) else {key}
    assert given_keys == set(KEYS)
    lines = EXAMPLE.read_text("utf-8").splitlines()
    for key in KEYS:
        name = key.rpartition(".")[2] + ":"
        row = next(i for i, line in enumerate(lines) if re.match(rf"^ *(# )?{name}", line))
        assert lines[row - 1].strip().startswith("# "), key


def test_the_commented_values_are_the_engines() -> None:
    """The example's eps and min_samples are those of the engine's record."""
    values = yaml.safe_load(uncommented(EXAMPLE.read_text("utf-8")))
    thresholds = engine_record("dlib-onnx").thresholds
    assert values["cluster"] == {"eps": thresholds.eps, "min_samples": thresholds.min_samples}


def test_every_key_fills_a_field_of_its_own() -> None:
    """The table and the dataclass belong together."""
    assert sorted(key.field for key in KEYS.values()) == sorted(field.name for field in fields(Config))


def test_the_engines_of_the_configuration_are_those_there_are() -> None:
    """A new engine cannot be forgotten here."""
    for engine in ENGINES:
        assert parse_config(f"engine: {engine}", EXAMPLE).engine == engine


def test_all_faults_are_named_at_once_with_line_and_expectation() -> None:
    """Unknown keys, wrong types and keys given twice, each on a line of its own."""
    text = "people:\n  min_photo: 3\ncluster:\n  eps: wide\ndetect: 3\nengine: yolo\nembed: {views: true}\n"
    with pytest.raises(ConfigError) as caught:
        parse_config(text, Path("c.yaml"))
    assert str(caught.value).splitlines() == [
        "c.yaml:2: unknown key people.min_photo",
        "c.yaml:4: cluster.eps must be a number above 0, at most 2, got 'wide'",
        "c.yaml:5: detect must hold keys, got 3",
        "c.yaml:6: engine must be dlib-onnx or face_recognition, got 'yolo'",
        "c.yaml:7: embed.views must be 1, 2 or 6, got True",
    ]
    assert caught.value.exit_status == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "is not YAML"),
        ("- 1", "expected keys and values"),
        ("eps: 1", "did you mean cluster.eps?"),
        ("libraries: ~/Pictures", "libraries must be a list of folders"),
        ("encode: {memory: 1 MiB}", "encode.memory must be a size of at least 512 MiB"),
        ("encode: {timeout: 3 parsecs}", "encode.timeout must be a time above 0"),
        ("cluster: {eps: .nan}", "cluster.eps must be a number"),
        ("cluster: {min_samples: 0}", "cluster.min_samples must be a whole number from 1"),
        ("engine: !!python/object/apply:os.system [true]", "engine must be"),
        ("libraries: [3]", "libraries must be a list of folders"),
        ("encode: {timeout: 60 s, timeout: 61 s}", "encode.timeout is given twice"),
    ],
)
def test_bad_files_are_one_plain_line(text: str, words: str) -> None:
    """Whatever is wrong is told with the file and the line."""
    with pytest.raises(ConfigError, match=re.escape(words)) as caught:
        parse_config(text, Path("c.yaml"))
    assert str(caught.value).startswith("c.yaml:")
    assert "\n" not in str(caught.value)


def test_units_and_folders(tmp_path: Path) -> None:
    """Times and sizes may have units; folders are relative to the file."""
    config = parse_config(
        "encode: {memory: 4 GiB, timeout: 2 min}\nlibraries: [Photos, /a]", tmp_path / "c.yaml"
    )
    assert (config.encode_memory, config.encode_timeout) == (4 << 30, 120.0)
    assert config.libraries == (tmp_path / "Photos", Path("/a"))


def test_a_file_that_is_not_there_is_an_error_when_it_was_named(tmp_path: Path) -> None:
    """A default file need not exist; a named one must."""
    with pytest.raises(ConfigError, match=r"gone.yaml cannot be read"):
        load_config(tmp_path / "gone.yaml")


@given(st.text(max_size=60))
def test_law_any_text_is_a_configuration_or_a_plain_error(text: str) -> None:
    """Never another exception."""
    message = "c.yaml"
    try:
        parse_config(text, Path("c.yaml"))
    except ConfigError as error:
        message = str(error)
    assert message.startswith("c.yaml")
