"""Calibration in the YAML of OpenCV's FileStorage: one camera per file, or several with their names before the keys."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from videotracks.calibration.sections import Section, read_text
from videotracks.errors import CalibrationError
from videotracks.geometry.camera import Camera

#: The names that OpenCV's samples, and people after them, give to the same thing.
MATRIX, _DISTORTION = ("camera_matrix", "K"), ("distortion_coefficients", "D")
_TURN, _VECTOR, _SHIFT = ("R",), ("rvec",), ("T", "t", "tvec")
_MOST_NUMBERS = 14
_SIDES = tuple(map(str, range(_MOST_NUMBERS + 1)))
_FLAGS = {"0": False, "1": True, "false": False, "true": True}


def read_yaml(path: Path, cameras: Sequence[str]) -> list[Camera]:
    """The cameras of one YAML file. ``CalibrationError`` names the file and the key.

    A file with ``camera_matrix`` is one camera, named like the file, or like the only one of ``cameras``; else each
    camera has its own keys, ``<camera>_camera_matrix`` and so on.
    """
    nodes = _parse(path)
    if any(key in nodes for key in MATRIX):
        return [_camera(Section(path, "", nodes), cameras[0] if len(cameras) == 1 else path.stem)]
    names = [key.removesuffix(f"_{MATRIX[0]}") for key in nodes if key.endswith(f"_{MATRIX[0]}")]
    if not names:
        raise CalibrationError(f"{path}: no camera_matrix, nor one with the name of a camera before it")
    made = []
    for name in names:
        own = {key.removeprefix(f"{name}_"): value for key, value in nodes.items() if key.startswith(f"{name}_")}
        made.append(_camera(Section(path, f"{name}_", own), name))
    return made


def _parse(path: Path) -> dict[str, Any]:
    """The nodes at the top of the file; matrices are mappings with rows, cols and data, numbers are texts."""
    import yaml

    text = re.sub(r"\A%YAML[^\n]*\n", "", read_text(path))  # OpenCV writes %YAML:1.0, which is no YAML
    try:
        content = yaml.load(text, yaml.BaseLoader)  # texts, lists and mappings, whatever the tags say
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise CalibrationError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise CalibrationError(f"{path}: expected keys and values, as OpenCV's FileStorage writes them")
    return {str(key): value for key, value in content.items()}


def _camera(section: Section, camera_id: str) -> Camera:
    turn = _key(section, _TURN + _VECTOR)
    keys = {"K": _key(section, MATRIX), "distortion": _key(section, _DISTORTION), "R": turn, "t": _key(section, _SHIFT)}
    R = _matrix(section, turn) if turn in _TURN else section.turn(turn, _vector(section, turn, 3))
    size = [_number(section.value(key)) for key in ("image_width", "image_height")]
    model = str(section.values.get("fisheye_model", "0"))
    typed = {**section.values, "image_width": size, "fisheye_model": _FLAGS.get(model, model)}
    section = Section(section.path, section.name, typed)
    return section.camera(
        {**keys, "size": "image_width"},
        camera_id,
        section.size("image_width"),
        K=_matrix(section, keys["K"]),
        distortion=_vector(section, keys["distortion"], -1),
        fisheye=section.flag("fisheye_model"),
        R=R,
        t=_vector(section, keys["t"], 3),
    )


def _number(text: Any) -> Any:
    """The number that a text is, or what it is else."""
    try:
        return float(text) if isinstance(text, str) else text
    except ValueError:
        return text


def _key(section: Section, names: Sequence[str]) -> str:
    """The one of several names that the file uses."""
    found = [name for name in names if name in section.values]
    if len(found) != 1:
        raise section.error(names[0], f"expected one of {', '.join(names)}, found {' and '.join(found) or 'none'}")
    return found[0]


def _matrix(section: Section, key: str) -> np.ndarray:
    rows, columns, numbers = _numbers(section, key)
    if (rows, columns) != (3, 3):
        raise section.error(key, f"expected 3×3 numbers, got {rows}×{columns}")
    return numbers.reshape(3, 3)


def _vector(section: Section, key: str, length: int) -> np.ndarray:
    """A row or a column."""
    rows, columns, numbers = _numbers(section, key)
    if min(rows, columns) > 1 or length not in (-1, len(numbers)):
        raise section.error(key, f"expected {length if length > 0 else 'n'}×1 numbers, got {rows}×{columns}")
    return numbers


def _numbers(section: Section, key: str) -> tuple[int, int, np.ndarray]:
    node = section.value(key)
    if isinstance(node, list):  # a plain list is a column
        node = {"rows": str(len(node)), "cols": "1", "data": node}
    if not isinstance(node, dict) or any(part not in node for part in ("rows", "cols", "data")):
        raise section.error(key, "expected a matrix with rows, cols and data")
    sides = [int(text) if text in _SIDES else -1 for text in (node["rows"], node["cols"])]
    if min(sides) < 0:
        raise section.error(key, f"rows and cols of at most {_MOST_NUMBERS} are expected")
    data = node["data"]
    if isinstance(data, list) and len(data) <= _MOST_NUMBERS:
        data = [_number(text) for text in data]
    return sides[0], sides[1], section.as_numbers(key, data, (sides[0] * sides[1],))
