"""Files of small photos with the EXIF values that a test wants."""

from PIL import Image

from tests.support.pictures import encoded, exif_block, photo
from tests.support.portrait import portrait

__all__ = ["face_jpeg", "jpeg"]


def jpeg(
    width: int = 16,
    height: int = 12,
    *,
    seed: int = 0,
    orientation: int | None = None,
    taken: str | None = None,
) -> bytes:
    """A faceless JPEG, another picture for each seed. taken: as EXIF writes it."""
    return encoded(photo(seed, width, height), "JPEG", exif=exif_block(orientation, taken))


def face_jpeg(*, longer: int = 400, orientation: int = 1, quality: int = 90) -> bytes:
    """The portrait, its pixels stored so that it is upright in this orientation (1, 3, 6 or 8)."""
    turn = {
        1: None,
        3: Image.Transpose.ROTATE_180,
        6: Image.Transpose.ROTATE_90,
        8: Image.Transpose.ROTATE_270,
    }
    image = Image.fromarray(portrait(longer))
    if (method := turn[orientation]) is not None:
        image = image.transpose(method)
    return encoded(image, "JPEG", quality=quality, exif=exif_block(orientation))
