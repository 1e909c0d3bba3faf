"""True masks as DAVIS keeps them: one PNG per frame, whose pixels are object ids."""

from pathlib import Path

import numpy as np

from videotracks.errors import RecordingError

#: What a pixel of a palette picture says where nobody can tell; it counts for nothing.
VOID = 255


def write_annotation(path: Path, ids: np.ndarray) -> None:
    """Write object ids u8[H, W], 0 for the background, as a palette PNG."""
    from PIL import Image

    from videotracks.palette import color_of

    picture = Image.frombytes("P", (ids.shape[1], ids.shape[0]), np.ascontiguousarray(ids, "u1").tobytes())
    picture.putpalette([0, 0, 0] + [channel for i in range(1, 256) for channel in color_of(i)])
    picture.save(path, compress_level=3)


def read_annotation(path: Path, height: int, width: int) -> np.ndarray:
    """Object ids u8[H, W], 0 for the background, of a palette or grey PNG.

    A grey picture of 0 and 255 alone is one object, 1. ``RecordingError`` for another size or kind of picture.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path, formats=["PNG"]) as picture:
            if picture.size != (width, height) or picture.mode not in ("P", "L", "1"):
                raise RecordingError(
                    f"{path}: a picture {picture.mode} of {picture.size[0]} x {picture.size[1]} px; expected object "
                    f"ids, palette or grey, of {width} x {height} px as the view has"
                )
            ids = np.array(picture.convert("L") if picture.mode == "1" else picture, "u1")
            grey = picture.mode != "P"
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise RecordingError(f"{path}: no readable PNG of object ids ({error}); replace it or remove it") from error
    return (ids > 0).astype("u1") if grey and set(np.unique(ids).tolist()) <= {0, 255} else ids
