"""Poses of a moving camera with depth, found again from its pictures where the stated ones do not fit them.

Each frame is located among earlier ones (perspective from points, in RANSAC; Lepetit et al., "EPnP", 2009, refined by
Levenberg and Marquardt): their features lie in space by their depth, and the frame sees them at other pixels.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, Field

from videotracks.geometry.camera import Camera
from videotracks.geometry.camera_path import CameraPath
from videotracks.geometry.rotation import nearest_rotation
from videotracks.points.poses.features import Features, features_of, matched
from videotracks.points.trackers import Views
from videotracks.progress import Progress, silent

#: Stated poses that lead depth to within so many pixels, in the median, are kept: features are no surer than that.
GOOD_PX = 1.5
#: Frames that are looked at to see whether stated poses are good.
_SAMPLED_FRAMES = 24
#: A frame is one to locate others by when it turned or moved so far from the last of them: radians, shares of depth.
_TURNED_RAD, _MOVED_SHARE = 0.17, 0.1
#: Of these, so many are kept, and each frame is located by the nearest few.
_MOST_KEYFRAMES, _NEAREST = 200, 4
#: Pixels within which a point agrees with a pose; points that must; their share; trials.
_AGREES_PX, _LEAST_POINTS, _LEAST_SHARE, _TRIALS = 3.0, 12, 0.3, 1000
#: Every so-manieth match takes no part in a fit: by these it is judged.
_HELD_BACK = 4


class PoseRecord(BaseModel, frozen=True):
    """How well the poses of a moving camera lead its depth from frame to frame, in pixels at the tracked size."""

    camera: str
    used: str = Field(description="stated, or refined")
    stated_px: float | None = Field(description="median reprojection error of the stated poses; null where unknown")
    refined_px: float | None = Field(
        description="the same of the refined ones, on matches that they were not fitted to"
    )
    frames: int = Field(description="frames with a pose")
    located: int = Field(description="frames that were found again; the others follow the stated motion")


class _Placed(NamedTuple):
    """A frame whose pose is known."""

    features: Features
    camera: Camera
    stated: Camera


class _Matches(NamedTuple):
    """Points of earlier frames, and where a frame sees them, K of them."""

    local: np.ndarray  # f8[K, 3] m in the axes of the earlier frame
    source: np.ndarray  # i8[K], which frame that is
    pixels: np.ndarray  # f8[K, 2]


def refine_poses(
    views: Views, view: int, path: CameraPath, progress: Progress = silent
) -> tuple[CameraPath, PoseRecord]:
    """The poses of a view with depth: as stated where they fit the pictures to GOOD_PX, else found again from them.

    The refined path lies on the stated one in the mean, so that the world stays where it was. Things that move are
    left out as long as most of what is seen rests. Deterministic. ``progress`` counts frames.
    """
    stated_px = _stated_px(views, view, path)
    record = PoseRecord(
        camera=path.camera_id, used="stated", stated_px=stated_px, refined_px=None, frames=path.frame_count, located=0
    )
    if stated_px is None or stated_px <= GOOD_PX:
        return path, record
    work = _Work(path)
    for frame in range(path.frame_count):
        work.take(frame, features_of(views.rgb(view, frame), views.depth(view, frame), path.lens))
        progress(frame + 1, path.frame_count)
    refined_px = float(np.median(work.refined_px)) if work.refined_px else None
    record = record.model_copy(
        update={
            "refined_px": refined_px,
            "located": work.located,
            "stated_px": float(np.median(work.stated_px)) if work.stated_px else stated_px,
        }
    )
    if refined_px is None or refined_px >= (record.stated_px or np.inf):
        return path, record
    return work.path(), record.model_copy(update={"used": "refined"})


def _stated_px(views: Views, view: int, path: CameraPath) -> float | None:
    """The median error between successive frames of a sample; None where none have anything in common."""
    count = path.frame_count
    chosen = np.unique(np.linspace(0, count - 1, min(count, _SAMPLED_FRAMES)).round().astype("i8")).tolist()
    errors: list[float] = []
    before: _Placed | None = None
    for frame in chosen:
        camera = path.at(frame)
        features = features_of(views.rgb(view, frame), views.depth(view, frame), camera)
        here = _Placed(features, camera, camera)
        if before is not None:
            errors += _errors(_match([before], features), [before.camera], camera).tolist()
        before = here
    return float(np.median(errors)) if errors else None


class _Work:
    """Frames that are located one after the other."""

    def __init__(self, path: CameraPath) -> None:
        self._stated, self._lens = path, path.lens
        self._cameras: list[Camera] = []
        self._keyframes: list[_Placed] = []
        self.located = 0
        self.stated_px: list[float] = []
        self.refined_px: list[float] = []

    def take(self, frame: int, features: Features) -> None:
        """Locate the next frame."""
        stated = self._stated.at(frame)
        camera = stated if not self._cameras else _carried(self._cameras[-1], self._stated.at(frame - 1), stated)
        near = self._nearest(camera)
        matches = _match(near, features)
        found = _located(matches, [key.camera for key in near], camera)
        if found is not None:
            camera = found
            self.located += 1
            held = _Matches(*(values[::_HELD_BACK] for values in matches))
            self.stated_px += _errors(held, [key.stated for key in near], stated).tolist()
            self.refined_px += _errors(held, [key.camera for key in near], camera).tolist()
        self._cameras.append(camera)
        if not near or self._has_moved(camera):
            self._keyframes = [*self._keyframes, _Placed(features, camera, stated)][-_MOST_KEYFRAMES:]

    def _nearest(self, camera: Camera) -> list[_Placed]:
        away = [sum(_apart(camera, key)) for key in self._keyframes]
        return [self._keyframes[row] for row in np.argsort(away, kind="stable")[:_NEAREST]]

    def _has_moved(self, camera: Camera) -> bool:
        return max(_apart(camera, self._keyframes[-1])) > 1

    def path(self) -> CameraPath:
        """All frames, moved as a whole onto the stated poses."""
        turns = np.array([camera.R for camera in self._cameras])
        centers = np.array([camera.center for camera in self._cameras])
        # World of the refined poses to that of the stated ones: mean turn (chordal), then mean shift.
        turn = nearest_rotation(np.einsum("tji,tjk->ik", self._stated.turns, turns))
        stated = -np.einsum("tji,tj->ti", self._stated.turns, self._stated.shifts)
        moved = centers @ turn.T + (stated - centers @ turn.T).mean(axis=0)
        turned = turns @ turn.T
        return CameraPath(self._lens, turned, -np.einsum("tij,tj->ti", turned, moved))


def _apart(camera: Camera, key: _Placed) -> tuple[float, float]:
    """How far a camera has turned and moved from a frame, in what makes another one to locate by."""
    cosine = (np.trace(camera.R @ key.camera.R.T) - 1) / 2
    depths = key.features.local[:, 2]
    depth = float(np.nanmedian(depths)) if np.isfinite(depths).any() else 1.0
    moved = float(np.linalg.norm(camera.center - key.camera.center))
    return float(np.arccos(np.clip(cosine, -1, 1))) / _TURNED_RAD, moved / (_MOVED_SHARE * depth)


def _carried(before: Camera, stated_before: Camera, stated: Camera) -> Camera:
    """A camera that moves on from ``before`` as it is stated to."""
    turn = stated.R @ stated_before.R.T
    return replace(before, R=nearest_rotation(turn @ before.R), t=turn @ (before.t - stated_before.t) + stated.t)


def _match(near: Sequence[_Placed], features: Features) -> _Matches:
    parts = [_Matches(np.zeros((0, 3)), np.zeros(0, "i8"), np.zeros((0, 2)))]
    for source, key in enumerate(near):
        theirs, ours = matched(key.features, features)
        known = np.isfinite(key.features.local[theirs]).all(axis=1)
        theirs, ours = theirs[known], ours[known]
        parts.append(_Matches(key.features.local[theirs], np.full(len(theirs), source), features.pixels[ours]))
    return _Matches(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def _in_world(matches: _Matches, cameras: Sequence[Camera]) -> np.ndarray:
    """The points f8[K, 3] in the world of the earlier frames' ``cameras``."""
    points = np.empty_like(matches.local)
    for source, camera in enumerate(cameras):
        rows = matches.source == source
        points[rows] = (matches.local[rows] - camera.t) @ camera.R
    return points


def _errors(matches: _Matches, cameras: Sequence[Camera], camera: Camera) -> np.ndarray:
    """Pixels between where the points are seen and where they are projected to, f8[K]; behind the camera infinite."""
    seen = camera.R @ _in_world(matches, cameras).T + camera.t[:, None]
    pixels = camera.pixels_of((seen[:2] / np.where(seen[2] > 0, seen[2], np.nan)).T)
    return np.nan_to_num(np.linalg.norm(pixels - matches.pixels, axis=1), nan=np.inf)


def _located(matches: _Matches, cameras: Sequence[Camera], guess: Camera) -> Camera | None:
    """The camera that sees the points where they are matched, but for those held back; None without enough of them."""
    import cv2

    fitted = np.arange(len(matches.pixels)) % _HELD_BACK != 0
    points, pixels = _in_world(matches, cameras)[fitted], matches.pixels[fitted]
    if len(points) < _LEAST_POINTS:
        return None
    done, turn, shift, agree = cv2.solvePnPRansac(
        points, pixels, guess.K, None, reprojectionError=_AGREES_PX, iterationsCount=_TRIALS, flags=cv2.SOLVEPNP_EPNP
    )
    if not done or agree is None or len(agree) < max(_LEAST_POINTS, _LEAST_SHARE * len(points)):
        return None
    rows = agree[:, 0]
    turn, shift = cv2.solvePnPRefineLM(points[rows], pixels[rows], guess.K, None, turn, shift)
    return replace(guess, R=nearest_rotation(cv2.Rodrigues(turn)[0]), t=shift[:, 0])
