"""Frames of all views of a recording, the same moment in each, at the size and rate that are tracked."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from videotracks.errors import CalibrationError, CorruptFileError, RecordingError
from videotracks.geometry.camera import Camera
from videotracks.geometry.camera_path import CameraPath, ViewCamera, as_seen
from videotracks.points.depth.store import DepthStore
from videotracks.progress import Progress, part_of, silent
from videotracks.recording import Recording, View, read_frames, view_path

#: Depths of the pixels that become one are of one surface, and are averaged, where they differ by less than this share.
_ONE_SURFACE = 0.02


def shrunk(camera: Camera, downsample: int) -> Camera:
    """The camera of pictures of which each pixel is the mean of ``downsample`` × ``downsample`` ones.

    What does not fill a block at the right and lower border is cut off. Pixel centres are at whole numbers, so that
    pixel (u, v) becomes ((u + 0.5) / n - 0.5, (v + 0.5) / n - 0.5); the distortion, which bends rays, stays.
    """
    width, height = camera.width // downsample, camera.height // downsample
    if downsample < 1 or not min(width, height):
        raise ValueError(f"{camera.width}×{camera.height} px cannot be shrunk {downsample} times")
    K = camera.K / downsample
    K[:2, 2] += 0.5 / downsample - 0.5
    K[2, 2] = 1
    return Camera(camera.camera_id, width, height, K, camera.distortion, camera.fisheye, camera.R, camera.t)


def shrunk_depth(depth_m: np.ndarray, downsample: int) -> np.ndarray:
    """Depth f32[H // n, W // n] m of blocks of n × n pixels, 0 where none of a block is known.

    The mean where a block shows one surface; where it shows an edge, the depth nearest to the block's middle one, so
    that no point hangs in the air between two surfaces.
    """
    height, width = depth_m.shape[0] // downsample, depth_m.shape[1] // downsample
    blocks = depth_m[: height * downsample, : width * downsample].reshape(height, downsample, width, downsample)
    known = blocks > 0
    count = known.sum(axis=(1, 3))
    mean = np.divide(
        np.where(known, blocks, 0).sum(axis=(1, 3)), count, out=np.zeros((height, width), "f4"), where=count > 0
    )
    farthest = np.where(known, blocks, 0).max(axis=(1, 3))
    nearest = np.where(known, blocks, np.inf).min(axis=(1, 3))
    rows, columns = np.nonzero((count > 0) & (farthest - nearest > _ONE_SURFACE * mean))
    if len(rows):
        mixed = blocks[rows, :, columns, :].reshape(len(rows), -1)
        middle = blocks[rows, downsample // 2, columns, downsample // 2]  # where it is 0, the nearest surface is chosen
        away = np.where(mixed > 0, np.abs(mixed - middle[:, None]), np.inf)
        mean[rows, columns] = mixed[np.arange(len(rows)), away.argmin(axis=1)]
    return mean


class _ViewDepth(NamedTuple):
    """Where the depth of a view is found."""

    store: DepthStore
    view: int
    cells: tuple[np.ndarray, ...] | None  # rows and columns, where the maps are not as large as the pictures


class SynchronisedViews:
    """The views of a recording as a tracker reads them (``trackers.Views``); a context manager.

    Frame t of every view is its frame ``stride`` · t; views of different length end with the shortest. All frames are
    decoded once, at ``open``, into files that no one sees and that end with this object, so that any frame is quick
    and memory does not grow with the video.
    """

    def __init__(
        self,
        pictures: Sequence[np.ndarray],
        cameras: Sequence[ViewCamera],
        depths: Sequence[_ViewDepth | None],
        timestamps_s: np.ndarray,
        stride: int,
        downsample: int,
    ) -> None:
        self.paths, self.timestamps_s = tuple(cameras), timestamps_s
        self.cameras = tuple(camera.at(0) for camera in cameras)
        self.frame_count = len(timestamps_s)
        self.stride, self.downsample = stride, downsample
        self._pictures, self._depths = list(pictures), list(depths)

    @classmethod
    def open(
        cls,
        recording: Recording,
        source: Path,
        cameras: Sequence[ViewCamera],
        depth: DepthStore | None,
        *,
        cache: Path,
        stride: int = 1,
        downsample: int = 1,
        progress: Progress = silent,
    ) -> Self:
        """Decode all views of ``recording``, which lies at ``source``; ``cameras`` in the order of its views.

        Every ``stride``-th frame is taken, at 1/``downsample`` of its size; ``cache`` is a folder on a disk with
        3 bytes for each of these pixels. ``depth`` stays the caller's to close. ``progress`` counts decoded frames.

        ``CalibrationError`` where cameras do not fit the views, ``CorruptFileError`` where depth does not,
        ``RecordingError`` where a view cannot be decoded or the disk is too small.
        """
        if stride < 1 or downsample < 1:
            raise ValueError(f"stride {stride}, downsample {downsample}; expected 1 or more")
        _check_cameras(recording.views, cameras)
        small = [shrunk(camera.at(0), downsample) for camera in cameras]
        frames = min(view.frame_count for view in recording.views)
        times = min(recording.views, key=lambda view: view.frame_count).timestamps_s[::stride]
        pairs = list(zip(recording.views, small, strict=True))
        depths = [_view_depth(depth, view, camera, frames, downsample) for view, camera in pairs]
        _check_space(cache, sum(len(times) * camera.width * camera.height * 3 for camera in small))
        pictures, total = [], frames * len(small)
        for number, (view, camera) in enumerate(pairs):
            path, told = view_path(source, view), part_of(progress, number * frames, total)
            pictures.append(_spooled(path, view, camera, frames, stride, downsample, cache, told))
        paths = [_path(*pair, stride, len(times)) for pair in zip(cameras, small, strict=True)]
        return cls(pictures, paths, depths, times, stride, downsample)

    @property
    def fps(self) -> float:
        """Frames per second of the frames that are given, from the median distance of their times; 1 for one frame."""
        return float(1 / np.median(np.diff(self.timestamps_s))) if self.frame_count > 1 else 1.0

    def place(self, paths: Sequence[ViewCamera]) -> None:
        """Take other poses of the cameras, of the frames that are given; lenses and sizes stay."""
        self.paths = tuple(as_seen(path, own.at(0)) for path, own in zip(paths, self.paths, strict=True))
        self.cameras = tuple(path.at(0) for path in self.paths)

    def camera(self, view: int, t: int) -> Camera:
        """Where a view's camera is in a frame."""
        return self.paths[view].at(self._checked(t))

    def rgb(self, view: int, t: int) -> np.ndarray:
        """A frame, RGB u8[H, W, 3]; read-only."""
        return self._pictures[view][self._checked(t)]

    def depth(self, view: int, t: int) -> np.ndarray | None:
        """Its depth f32[H, W] in metres, 0 where unknown; None where the view has none in any frame."""
        found = self._depths[view]
        if found is None:
            return None
        depth_m = found.store.frame(found.view, self._checked(t) * self.stride)
        if found.cells is not None:
            return depth_m[found.cells]
        return shrunk_depth(depth_m, self.downsample) if self.downsample > 1 else depth_m

    def _checked(self, t: int) -> int:
        if not 0 <= t < self.frame_count:
            raise IndexError(f"frame {t} of {self.frame_count}")
        return t

    def close(self) -> None:
        """Give the disk space back; frames that were taken stay valid."""
        self._pictures.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _path(camera: ViewCamera, small: Camera, stride: int, frames: int) -> ViewCamera:
    """The smaller camera through the tracked frames."""
    moving = as_seen(camera, small)
    return moving.every(stride, frames) if isinstance(moving, CameraPath) else moving


def _check_cameras(views: Sequence[View], cameras: Sequence[ViewCamera]) -> None:
    if len(cameras) != len(views):
        raise CalibrationError(f"{len(cameras)} cameras for {len(views)} views; each view needs its camera")
    for view, camera in zip(views, cameras, strict=True):
        if (view.width, view.height) != (camera.width, camera.height):
            raise CalibrationError(
                f"camera {camera.camera_id} has {camera.width}×{camera.height} px, view {view.camera} "
                f"{view.width}×{view.height}: calibrate at the size of the view"
            )


def _view_depth(
    store: DepthStore | None, view: View, camera: Camera, frames: int, downsample: int
) -> _ViewDepth | None:
    """The depth of a view whose pictures, made smaller, are those of ``camera``."""
    if store is None or view.camera not in store.cameras:
        return None
    number = store.cameras.index(view.camera)
    if not store.has_depth(number):
        return None
    if store.frame_count(number) < frames:
        raise CorruptFileError(
            f"{store.path}: {store.frame_count(number)} frames of depth for {view.camera}, {frames} are needed: it "
            "belongs to another recording; materialise depth_maps again"
        )
    rows, columns = store.size(number)
    if (rows, columns) == (view.height, view.width):
        return _ViewDepth(store, number, None)
    down = _cells(camera.height, downsample, rows / view.height)
    across = _cells(camera.width, downsample, columns / view.width)
    return _ViewDepth(store, number, np.ix_(down, across))


def _cells(count: int, downsample: int, ratio: float) -> np.ndarray:
    """The cell under the middle of each of ``count`` blocks of pixels, of which there are ``ratio`` cells each, i8."""
    return ((np.arange(count) + 0.5) * downsample * ratio).astype("i8")


def _check_space(cache: Path, needed: int) -> None:
    free = shutil.disk_usage(cache).free
    if needed > free:
        raise RecordingError(
            f"{cache}: the frames to be tracked take {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free; raise the "
            "stride or the downsampling, or name a folder on a larger disk"
        )


def _spooled(
    path: Path, view: View, camera: Camera, frames: int, stride: int, downsample: int, cache: Path, progress: Progress
) -> np.ndarray:
    """The chosen frames of a view, u8[T, H, W, 3], on disk."""
    import cv2

    size = (camera.width, camera.height)
    with tempfile.TemporaryFile(dir=cache) as file:
        for frame in read_frames(path, view, stop=frames):
            if frame.index % stride == 0:
                picture = frame.rgb()
                if downsample > 1:
                    whole = picture[: camera.height * downsample, : camera.width * downsample]
                    picture = cv2.resize(whole, size, interpolation=cv2.INTER_AREA)
                file.write(np.ascontiguousarray(picture).data)
            progress(frame.index + 1, frames)
        file.flush()
        # The map outlives the file, which has no name: the space is free again when the last frame is let go.
        return np.memmap(file, np.uint8, "r", shape=(-(-frames // stride), *size[::-1], 3))
