"""The cameras of a recording's views, from whichever calibration file lies beside them."""

import dataclasses
import logging
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from videotracks.calibration.opencv_files import read_yaml
from videotracks.calibration.pose_files import read_poses
from videotracks.calibration.sections import MOST_BYTES, read_bytes
from videotracks.calibration.toml_files import read_toml
from videotracks.errors import CalibrationError
from videotracks.geometry.camera import Camera
from videotracks.geometry.camera_path import ViewCamera
from videotracks.recording import View
from videotracks.sources import pose_file

#: The name of our own file.
CAMERAS_TOML = "cameras.toml"
#: Whose lines a file has, so that other TOML and YAML beside the videos is left alone: Pose2Sim's Config.toml, say.
_POSE2SIM_LINES = tuple(re.compile(rb"^[ \t]*%b[ \t]*=" % key, re.MULTILINE) for key in (b"matrix", b"translation"))
_OPENCV_LINES = (re.compile(rb"^(\S+_)?camera_matrix[ \t]*:|^K[ \t]*:[ \t]*!!opencv-matrix", re.MULTILINE),)
_YAML = (".yml", ".yaml")
#: Sides of pictures are whole pixels: a picture scaled to half may be off by half a pixel on each side.
_ROUNDED_PX = 1.0

_log = logging.getLogger(__name__)


def find_calibration(source: Path) -> Path | None:
    """The calibration of a recording: a file, the folder itself where each camera has its own, None without one.

    ``cameras.toml`` comes first, then a TOML file of Pose2Sim, then YAML of OpenCV. ``CalibrationError`` where there
    are two of Pose2Sim: which is meant?
    """
    if not source.is_dir():
        return None
    if (ours := source / CAMERAS_TOML).is_file():
        return ours
    files = sorted(path for path in source.iterdir() if path.is_file() and not path.name.startswith("."))
    pose2sim = [path for path in files if path.suffix == ".toml" and _has_lines(path, _POSE2SIM_LINES)]
    if len(pose2sim) > 1:
        names = " and ".join(path.name for path in pose2sim)
        raise CalibrationError(f"{source}: more than one calibration, {names}: leave one, or name it {CAMERAS_TOML}")
    opencv = [path for path in files if path.suffix in _YAML and _has_lines(path, _OPENCV_LINES)]
    return next(iter(pose2sim + opencv), None) if len(opencv) < 2 or pose2sim else source


def read_calibration(path: Path, views: Sequence[View]) -> list[ViewCamera]:
    """The camera of each view, in order of the views, from a file or from what ``find_calibration`` has in a folder.

    In a folder, a view with a file of poses beside it (``sources.pose_file``) has a camera that moves: the poses of
    that file take the place of the calibration's.

    ``CalibrationError`` names the file and the key: wrong shapes, a rotation that is none, cameras that are no views,
    views without a camera, sizes that are not those of the view. Intrinsics of the same picture at another resolution
    are scaled, with a warning in the log.
    """
    names = [view.camera for view in views]
    found = find_calibration(path) if path.is_dir() else path
    if found is None:
        raise CalibrationError(f"{path}: no calibration; expected {CAMERAS_TOML}, Pose2Sim's TOML or OpenCV's YAML")
    poses = {view.camera: pose_file(path, view.camera) for view in views} if path.is_dir() else {}
    if found.is_dir():
        cameras = [camera for file in _yaml_files(found) for camera in read_yaml(file, ())]
    elif found.suffix in _YAML:
        cameras = read_yaml(found, names)
    else:
        cameras = read_toml(found, [name for name, file in poses.items() if file])
    matched = _matched(found, cameras, names)
    fitted = [_fitted(found, camera, view) for camera, view in zip(matched, views, strict=True)]
    return [
        read_poses(file, camera, view.frame_count) if (file := poses.get(view.camera)) else camera
        for camera, view in zip(fitted, views, strict=True)
    ]


def _has_lines(path: Path, wanted: Sequence[re.Pattern[bytes]]) -> bool:
    if path.stat().st_size > MOST_BYTES:
        return False
    text = read_bytes(path)
    return all(pattern.search(text) for pattern in wanted)


def _yaml_files(folder: Path) -> list[Path]:
    files = (path for path in folder.iterdir() if path.suffix in _YAML and not path.name.startswith("."))
    return sorted(path for path in files if path.is_file() and _has_lines(path, _OPENCV_LINES))


def _matched(path: Path, cameras: Sequence[Camera], names: Sequence[str]) -> list[Camera]:
    """One camera per view, by name."""
    ids = [camera.camera_id for camera in cameras]
    if twice := [name for name, count in Counter(ids).items() if count > 1]:
        raise CalibrationError(f"{path}: camera {twice[0]!r} stands there twice")
    by_plain, plain = {_plain(camera.camera_id): camera for camera in cameras}, [_plain(name) for name in names]
    if sorted(ids) != sorted(names) and len(by_plain) == len(ids) and sorted(by_plain) == sorted(plain):
        return [dataclasses.replace(by_plain[key], camera_id=name) for key, name in zip(plain, names, strict=True)]
    listed = f"cameras {', '.join(ids)}; views {', '.join(names)}"
    if missing := [name for name in names if name not in ids]:
        raise CalibrationError(f"{path}: no camera for view {missing[0]!r} ({listed}): name both alike")
    if unknown := [name for name in ids if name not in names]:
        raise CalibrationError(f"{path}: camera {unknown[0]!r} is no view of the recording ({listed}): take it out")
    by_id = dict(zip(ids, cameras, strict=True))
    return [by_id[name] for name in names]


def _plain(name: str) -> str:
    """A name without what differs between programs: case, separators, zeros, and Pose2Sim's int_…_img around it."""
    words = re.sub(r"^int_(.+)_img$", r"\1", name.lower())
    return "".join(part.lstrip("0") or "0" for part in re.findall(r"\d+|[^\W\d_]+", words))


def _fitted(path: Path, camera: Camera, view: View) -> Camera:
    """The camera for the pictures of the view: as it is, or with intrinsics scaled to another resolution."""
    if (camera.width, camera.height) == (view.width, view.height):
        return camera
    x, y = view.width / camera.width, view.height / camera.height
    sizes = f"{camera.width}×{camera.height} px, but the view has {view.width}×{view.height}"
    if abs(camera.height * x - view.height) > _ROUNDED_PX * max(1, x):
        turned = " (turned by 90°?)" if (camera.width, camera.height) == (view.height, view.width) else ""
        raise CalibrationError(f"{path}: size: camera {camera.camera_id!r} was calibrated at {sizes}{turned}")
    _log.warning("%s: camera %s was calibrated at %s: intrinsics are scaled", path, camera.camera_id, sizes)
    # Scaling keeps the corners of the picture, which lie half a pixel before the centre of the first pixel.
    scale = np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]])
    return dataclasses.replace(camera, width=view.width, height=view.height, K=scale @ camera.K)
