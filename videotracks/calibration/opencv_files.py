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
#: Floats that YAML 1.2, and so OpenCV, reads without a point; PyYAML would take them for text.
_PLAIN_FLOAT = re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+$")


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
    """The nodes at the top of the file: matrices are mappings with rows, cols and data."""
    import yaml

    class Loader(yaml.SafeLoader):
        """PyYAML's safe loader, with OpenCV's matrices and without merge keys, which can grow without bound."""

        def flatten_mapping(self, node: Any) -> None:
            """Merge keys stay keys, and fail as such."""

    Loader.add_multi_constructor(
        "tag:yaml.org,2002:opencv-", lambda loader, _, node: loader.construct_mapping(node, deep=True)
    )
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", _PLAIN_FLOAT, list("-+0123456789"))
    text = re.sub(r"\A%YAML[^\n]*\n", "", read_text(path))  # OpenCV writes %YAML:1.0, which is no YAML
    try:
        content = yaml.load(text, Loader)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise CalibrationError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise CalibrationError(f"{path}: expected keys and values, as OpenCV's FileStorage writes them")
    return {str(key): value for key, value in content.items()}


def _camera(section: Section, camera_id: str) -> Camera:
    turn = _key(section, _TURN + _VECTOR)
    keys = {"K": _key(section, MATRIX), "distortion": _key(section, _DISTORTION), "R": turn, "t": _key(section, _SHIFT)}
    R = _matrix(section, turn) if turn in _TURN else section.turn(turn, _vector(section, turn, 3))
    sizes = [section.as_numbers(key, section.value(key), ()) for key in ("image_width", "image_height")]
    whole = Section(section.path, section.name, {**section.values, "image_width": [float(size) for size in sizes]})
    return section.camera(
        {**keys, "size": "image_width"},
        camera_id,
        whole.size("image_width"),
        K=_matrix(section, keys["K"]),
        distortion=_vector(section, keys["distortion"], -1),
        fisheye=section.flag("fisheye_model"),
        R=R,
        t=_vector(section, keys["t"], 3),
    )


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
        return len(node), 1, section.as_numbers(key, node, (-1,))
    if not isinstance(node, dict) or any(part not in node for part in ("rows", "cols", "data")):
        raise section.error(key, "expected a matrix with rows, cols and data")
    sides = node["rows"], node["cols"]
    if not all(type(side) is int and 0 <= side <= _MOST_NUMBERS for side in sides):
        raise section.error(key, f"rows and cols of at most {_MOST_NUMBERS} are expected")
    return *sides, section.as_numbers(key, node["data"], (sides[0] * sides[1],))
