"""face_recognition behind our protocol, without what importing it does to the process."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import ImageFile

from faced.errors import FacedError
from faced.faces.engine import Engine, open_engine


def test_truncated_pictures_are_still_refused_after_the_import() -> None:
    """In a fresh process: no output, no warning, Pillow as strict as before."""
    code = (
        "import warnings\n"
        "warnings.simplefilter('error')\n"
        "from pathlib import Path\n"
        "from faced.faces.engine import open_engine\n"
        "open_engine('face_recognition', cache=Path('nowhere'))\n"
        "from PIL import ImageFile\n"
        "assert ImageFile.LOAD_TRUNCATED_IMAGES is False\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_this_process_is_unharmed_too(reference: Engine) -> None:
    """The fixture has opened it."""
    assert reference.record.name == "face_recognition"
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


@pytest.mark.parametrize("missing", ["face_recognition", "face_recognition_models"])
def test_a_missing_package_is_a_plain_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """Without face_recognition, or without its models, where it would end the process by itself."""
    for name in [
        m for m in sys.modules if m.split(".")[0] in ("face_recognition", "face_recognition_models")
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(FacedError, match=r"engine face_recognition: .* install faced\[reference\]"):
        open_engine("face_recognition", cache=tmp_path)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
