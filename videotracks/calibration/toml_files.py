"""Calibration in TOML: our own ``cameras.toml``, read and written, and the calibration file of Pose2Sim."""

import json
import tomllib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from videotracks.calibration.sections import Section, read_text
from videotracks.errors import CalibrationError
from videotracks.geometry.camera import Camera

_OURS = ("id", "size", "K", "distortion", "model", "R", "t", "extrinsics")
#: What a table of Pose2Sim has when it is a camera.
POSE2SIM = ("matrix", "distortions", "rotation", "translation")
#: In one line; the longest that we know of are the fourteen numbers of a distortion.
_MOST_POINTS = 32
_HEADER = """\
# Cameras of a recording. Pixels ~ K · distortion(R · X + t): world X in metres, OpenCV's distortion models,
# the centre of the first pixel at (0, 0). Each id is the name of a view.
"""


def read_toml(path: Path, placed: Collection[str] = ()) -> list[Camera]:
    """The cameras of a TOML file, ours or Pose2Sim's. ``CalibrationError`` names the file and the key.

    Cameras with an id in ``placed`` have their poses elsewhere: of these, ours may leave R and t out.
    """
    text = read_text(path)
    # Python's parser keeps all beginnings of a dotted key: the square of its length, gigabytes for one of 100 KB.
    if any(line.count(".") > _MOST_POINTS and not line.lstrip().startswith("#") for line in text.split("\n")):
        raise CalibrationError(f"{path}: a line with more than {_MOST_POINTS} points; give each key its own line")
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise CalibrationError(f"{path}: not valid TOML: {error}") from error
    if "camera" in content:
        return _ours(path, content, placed)
    tables = {name: v for name, v in content.items() if isinstance(v, dict) and any(key in v for key in POSE2SIM)}
    if not tables:
        raise CalibrationError(f"{path}: no cameras; expected tables [[camera]], or those of a Pose2Sim calibration")
    return [_pose2sim(Section(path, f"[{name}] ", values)) for name, values in tables.items()]


def _ours(path: Path, content: dict[str, Any], placed: Collection[str]) -> list[Camera]:
    tables = content["camera"]
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise CalibrationError(f"{path}: camera: expected tables [[camera]], one for each camera")
    if strange := [key for key in content if key != "camera"]:
        raise CalibrationError(f"{path}: {strange[0]}: unknown; all is said in tables [[camera]]")
    return [_our_camera(Section(path, f"camera {n} ", table), placed) for n, table in enumerate(tables, 1)]


def _our_camera(section: Section, placed: Collection[str]) -> Camera:
    camera_id = section.value("id")
    if not isinstance(camera_id, str):
        raise section.error("id", "expected a text, the name of a view")
    section = Section(section.path, f"camera {camera_id!r} ", section.values)
    if strange := [key for key in section.values if key not in _OURS]:
        raise section.error(strange[0], f"unknown; expected {', '.join(_OURS)}")
    model = section.values.get("model", "pinhole")
    if model not in ("pinhole", "fisheye"):
        raise section.error("model", 'expected "pinhole" or "fisheye"')
    given = {"R", "t", "extrinsics"} & set(section.values)
    if not given and camera_id in placed:
        section = Section(section.path, section.name, {**section.values, "extrinsics": np.eye(3, 4).tolist()})
        given = {"extrinsics"}
    if given not in ({"R", "t"}, {"extrinsics"}):
        raise section.error(
            "R",
            f"expected R and t, or extrinsics [R | t]; {', '.join(sorted(given)) or 'none'} given. Of a camera that "
            f"moves, {camera_id}.poses.txt has them frame by frame",
        )
    if "extrinsics" in given:
        extrinsics, key_of_R = section.numbers("extrinsics", 3, 4), "extrinsics"
    else:
        extrinsics, key_of_R = np.column_stack([section.numbers("R", 3, 3), section.numbers("t", 3)]), "R"
    return section.camera(
        {"R": key_of_R, "camera_id": "id"},
        camera_id,
        section.size("size"),
        K=section.numbers("K", 3, 3),
        distortion=section.numbers("distortion", -1) if "distortion" in section.values else np.zeros(0),
        fisheye=model == "fisheye",
        R=extrinsics[:, :3],
        t=extrinsics[:, 3],
    )


def _pose2sim(section: Section) -> Camera:
    name = section.value("name")
    if not isinstance(name, str):
        raise section.error("name", "expected a text, the name of a view")
    return section.camera(
        {"K": "matrix", "distortion": "distortions", "R": "rotation", "t": "translation", "camera_id": "name"},
        name,
        section.size("size"),
        K=section.numbers("matrix", 3, 3),
        distortion=section.numbers("distortions", -1),
        fisheye=section.flag("fisheye"),
        R=section.turn("rotation", section.numbers("rotation", 3)),
        t=section.numbers("translation", 3),
    )


def write_toml(path: Path, cameras: Sequence[Camera]) -> None:
    """Write ``cameras.toml``; ``read_toml`` gives the same cameras back, to the last bit."""
    ids = [camera.camera_id for camera in cameras]
    if not ids or len(set(ids)) < len(ids):
        raise ValueError(f"cameras {ids}: one or more are expected, each with its own name")
    path.write_text(_HEADER + "".join(_table(camera) for camera in cameras), encoding="utf-8")


def _table(camera: Camera) -> str:
    def rows(matrix: np.ndarray) -> str:
        return "[\n" + "".join(f"    {row},\n" for row in matrix.tolist()) + "]"

    return (
        f"\n[[camera]]\nid = {json.dumps(camera.camera_id, ensure_ascii=False)}\n"
        f"size = [{camera.width}, {camera.height}]\nK = {rows(camera.K)}\n"
        f"distortion = {camera.distortion.tolist()}\n"
        + ('model = "fisheye"\n' if camera.fisheye else "")
        + f"R = {rows(camera.R)}\nt = {camera.t.tolist()}\n"
    )
