"""One camera's part of a calibration file: values taken out with checks, errors that name the file and the key."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from videotracks.errors import CalibrationError
from videotracks.geometry.camera import Camera
from videotracks.geometry.rotation import is_rotation, nearest_rotation, rotation_matrix

#: A calibration of a hundred cameras takes 100 KB, and parsing takes seconds per MB.
MOST_BYTES = 1 << 18
#: Largest entry that rounding may change: rotations written with three decimals are rotations.
_ROUNDED = 1e-3
#: Half a turn says all; solvers may leave a few more, but nobody leaves degrees.
_MOST_TURN_RAD = 32 * np.pi
_SHOWN = 80


def read_bytes(path: Path) -> bytes:
    """What a calibration file holds; ``CalibrationError`` where it cannot be read or is too large for one."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise CalibrationError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > MOST_BYTES:
        raise CalibrationError(f"{path}: larger than {MOST_BYTES} bytes; take out all but the cameras")
    return data


def read_text(path: Path) -> str:
    """The same as text; ``CalibrationError`` where it is none."""
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CalibrationError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8 text") from error


@dataclass(frozen=True, slots=True)
class Section:
    """The values of one camera, and where they stand: ``name`` is what leads to them in the file."""

    path: Path
    name: str
    values: Mapping[str, Any]

    def error(self, key: str, problem: str) -> CalibrationError:
        """The error to raise about a key."""
        return CalibrationError(f"{self.path}: {self.name}{key}: {problem}")

    def value(self, key: str) -> Any:
        """What the file has under a key that it must have."""
        if key not in self.values:
            raise self.error(key, f"is missing; there are {', '.join(map(str, self.values))[:_SHOWN]}")
        return self.values[key]

    def numbers(self, key: str, *shape: int) -> np.ndarray:
        """Nested lists of finite numbers as f8 of a shape, in which -1 takes any length up to 14."""
        return self.as_numbers(key, self.value(key), shape)

    def as_numbers(self, key: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
        """``value``, found under ``key``, as ``numbers`` does it."""
        try:
            return np.array(_nested(value, shape), dtype="f8")
        except (ValueError, OverflowError) as error:
            wanted = "×".join("n" if n < 0 else str(n) for n in shape) or "1"
            raise self.error(key, f"expected {wanted} finite numbers: {error}, got {_short(value)}") from error

    def size(self, key: str) -> tuple[int, int]:
        """Width and height in px, whole numbers."""
        width, height = self.numbers(key, 2)
        if width % 1 or height % 1:
            raise self.error(key, f"expected whole pixels, got {_short(self.values[key])}")
        return int(width), int(height)

    def turn(self, key: str, vector: np.ndarray) -> np.ndarray:
        """The rotation f8[3, 3] of a Rodrigues vector f8[3] that was found under ``key``."""
        if np.abs(vector).max() > _MOST_TURN_RAD:
            raise self.error(key, f"no rotation vector in radians, got {vector.tolist()}")
        return rotation_matrix(vector)

    def flag(self, key: str) -> bool:
        """True or false; false where the file says nothing."""
        value = self.values.get(key, False)
        if value not in (False, True):  # OpenCV writes 0 and 1
            raise self.error(key, f"expected true or false, got {_short(value)}")
        return bool(value)

    def camera(self, keys: Mapping[str, str], camera_id: str, size: tuple[int, int], **fields: Any) -> Camera:
        """A ``Camera`` whose errors name the ``keys`` of the file in place of its own fields."""
        if not is_rotation(fields["R"]):
            rounded, fields["R"] = fields["R"], nearest_rotation(fields["R"])
            if np.abs(rounded - fields["R"]).max() > _ROUNDED:
                raise self.error(keys["R"], f"no rotation (R Rᵀ = 1 and det R = +1), got {rounded.tolist()}")
        try:
            return Camera(camera_id=camera_id, width=size[0], height=size[1], **fields)
        except CalibrationError as error:
            field, _, problem = str(error).partition(": ")
            raise self.error(keys.get(field, field), problem) from error


def _nested(value: Any, shape: tuple[int, ...]) -> Any:
    """``value`` once its lists have the lengths of ``shape``; never looks deeper or further than that."""
    if not shape:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError("not a number")
        if not np.isfinite(float(value)):
            raise ValueError("not finite")
        return float(value)
    if not isinstance(value, list):
        raise ValueError("not a list")
    if len(value) > 14 or shape[0] not in (-1, len(value)):
        raise ValueError(f"a list of {len(value)}")
    return [_nested(one, shape[1:]) for one in value]


def _short(value: Any) -> str:
    """The beginning of a value for a message; of lists, only what can be shown without walking all of them."""
    if isinstance(value, list):
        return "[" + ", ".join(_short(one) if not isinstance(one, list) else "[…]" for one in value[:4]) + "]"
    return repr(value)[:_SHOWN] if isinstance(value, str | int | float | bool) else type(value).__name__
