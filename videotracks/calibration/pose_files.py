"""Poses of a moving camera, a line per frame, as TUM's RGB-D benchmark writes trajectories."""

from pathlib import Path

import numpy as np

from videotracks.errors import CalibrationError
from videotracks.geometry.camera import Camera
from videotracks.geometry.camera_path import CameraPath
from videotracks.geometry.rotation import of_quaternions, to_quaternions

#: Numbers of a line: a place and a quaternion, with or without a time before them.
_NUMBERS = (7, 8)
#: A quaternion is 1 long, but for rounding to two decimals.
_ROUNDED = 0.01
#: Bytes that a line takes at most, and those of comments beside the lines.
_LINE_BYTES, _COMMENT_BYTES = 512, 1 << 16
_SHOWN = 60
_EXPECTED = "[t] x y z qx qy qz qw, in metres from the camera to the world"
_HEADER = f"# time x y z qx qy qz qw of each frame, seconds and {_EXPECTED.split(', in ')[1]}\n"


def read_poses(path: Path, lens: Camera, frames: int) -> CameraPath:
    """The path of a camera through so many frames: a line ``[t] x y z qx qy qz qw`` for each, in their order.

    Metres and a unit quaternion, camera to world (TUM's trajectories); what begins with # is a comment. Times say
    nothing beyond their order. ``CalibrationError`` names the file and the line: no such numbers, a quaternion that is
    not of length 1, times that do not ascend; or the file alone, where it has more or fewer lines than frames.
    """
    rows: list[list[float]] = []
    for number, line in enumerate(_text(path, frames).splitlines(), 1):
        said = line.split("#", 1)[0].replace(",", " ").split()
        if said:
            rows.append(_numbers(f"{path}, line {number}", said, len(rows[0]) if rows else None))
            if len(said) == _NUMBERS[1] and len(rows) > 1 and rows[-1][0] <= rows[-2][0]:
                raise CalibrationError(f"{path}, line {number}: time {rows[-1][0]:g} after {rows[-2][0]:g}: ascending")
    if len(rows) != frames:
        raise CalibrationError(
            f"{path}: {len(rows)} poses for {frames} frames of {lens.camera_id}; expected a line {_EXPECTED} for each"
        )
    poses = np.array(rows)[:, -_NUMBERS[0] :]
    turns = of_quaternions(poses[:, 3:]).swapaxes(1, 2)
    return CameraPath(lens, turns, -np.einsum("tij,tj->ti", turns, poses[:, :3]))


def write_poses(path: Path, camera: CameraPath, times_s: np.ndarray) -> None:
    """Write the path of a camera; ``read_poses`` gives it back. ``times_s`` f8[T], ascending."""
    places = -np.einsum("tji,tj->ti", camera.turns, camera.shifts)
    quaternions = to_quaternions(camera.turns.swapaxes(1, 2))
    rows = np.column_stack([times_s, places, quaternions]).tolist()
    lines = (" ".join(f"{value:.12g}" for value in row) for row in rows)
    path.write_text(_HEADER + "".join(f"{line}\n" for line in lines), encoding="utf-8")


def _text(path: Path, frames: int) -> str:
    most = frames * _LINE_BYTES + _COMMENT_BYTES
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise CalibrationError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > most:
        raise CalibrationError(f"{path}: larger than the poses of {frames} frames take; a line for each is expected")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CalibrationError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8 text") from error


def _numbers(place: str, said: list[str], count: int | None) -> list[float]:
    """The numbers of a line, as many as in the lines before."""
    if len(said) not in ((count,) if count else _NUMBERS):
        wanted = f"{count}, as in the lines before" if count else _EXPECTED
        raise CalibrationError(f"{place}: {len(said)} values; expected {wanted}")
    try:
        row = [float(value) for value in said]
    except ValueError:
        row = [float("nan")]
    if not np.isfinite(row).all():
        raise CalibrationError(f"{place}: {' '.join(said)[:_SHOWN]!r}: expected finite numbers, {_EXPECTED}")
    length = float(np.linalg.norm(row[-4:]))
    if abs(length - 1) > _ROUNDED:
        raise CalibrationError(f"{place}: quaternion {row[-4:]} is {length:.3g} long; expected 1 ({_EXPECTED})")
    return row
