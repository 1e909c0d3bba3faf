"""Frames of a video, decoded one after the other, converted to RGB only where somebody looks."""

import contextlib
import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from videotracks.errors import RecordingError
from videotracks.sources import image_files

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.video.stream import VideoStream

#: FFmpeg's names of the containers that are read. Play lists are not among them: a recording opens no other file.
_CONTAINERS = "mov,matroska,avi,gif,mpeg,mpegts,mpegvideo,m4v,asf,flv,ogg,mjpeg,h264,hevc"
#: Frames that are decoded at most to get from a key frame to a poster's moment.
_POSTER_REACH_FRAMES = 600
#: Luma weights (red, blue) of the YCbCr matrices, by the code points of ITU-T H.273. Untagged streams are taken as
#: BT.601, as FFmpeg does.
_LUMA = {1: (0.2126, 0.0722), 9: (0.2627, 0.0593)}
_BT601, _UNTAGGED = (0.299, 0.114), 5
_FULL_RANGE = 2
#: What a crop costs beside its pixels, in pixels; and how much dearer a pixel of a crop is than one of a whole frame
#: (measured on 1280×720). Where crops have cost as much as the whole frame would, it is converted once.
_CROP_COST_PX, _CROPS_OVER_WHOLE = 12_000, 8
#: Each thread's converter: it keeps its tables from frame to frame, and is not made for two threads.
_converters = threading.local()


class Frame(Protocol):
    """One frame of a view: its place, and its pixels on demand."""

    index: int
    time_s: float
    width: int
    height: int

    def rgb(self) -> np.ndarray:
        """The whole frame, u8[H, W, 3]; converted once."""

    def crop(self, box: tuple[int, int, int, int]) -> np.ndarray:
        """The pixels of a box (left, top, right, bottom in whole px, inside the frame), u8[h, w, 3]."""


class PictureFrame:
    """A frame that is in RGB already."""

    def __init__(self, index: int, time_s: float, picture: np.ndarray) -> None:
        self.index, self.time_s, self._rgb = index, time_s, picture
        self.height, self.width = picture.shape[:2]

    def rgb(self) -> np.ndarray:
        """The whole frame."""
        return self._rgb

    def crop(self, box: tuple[int, int, int, int]) -> np.ndarray:
        """The pixels of a box."""
        left, top, right, bottom = box
        return self._rgb[top:bottom, left:right]


class DecodedFrame:
    """A frame in the planes of its decoder, turned as its rotation flag says."""

    def __init__(self, index: int, time_s: float, frame: "av.VideoFrame", rotation: int) -> None:
        self.index, self.time_s, self._frame, self._turns = index, time_s, frame, rotation // 90 % 4
        self.width, self.height = frame.width, frame.height
        if self._turns % 2:
            self.width, self.height = self.height, self.width
        self._rgb: np.ndarray | None = None
        self._spent_px = 0

    def rgb(self) -> np.ndarray:
        """The whole frame."""
        if self._rgb is None:
            picture = _convert_whole(self._frame)
            self._rgb = np.ascontiguousarray(np.rot90(picture, self._turns)) if self._turns else picture
        return self._rgb

    def crop(self, box: tuple[int, int, int, int]) -> np.ndarray:
        """The pixels of a box, converted alone unless the whole frame was, or is cheaper for so many boxes.

        The two ways differ by 3 levels at most (FFmpeg's conversion is the coarser one).
        """
        left, top, right, bottom = box
        planar = self._frame.format.name in ("yuv420p", "yuvj420p")
        costly = self._spent_px * _CROPS_OVER_WHOLE > self.width * self.height
        if self._rgb is not None or costly or not planar or right <= left or bottom <= top:
            return self.rgb()[top:bottom, left:right]
        self._spent_px += _CROP_COST_PX + (right - left) * (bottom - top)
        width, height = self.width, self.height
        for _ in range(self._turns):  # back to where the box lies in the planes, a quarter turn at a time
            width, height = height, width
            left, top, right, bottom = width - bottom, left, width - top, right
        crop = self._cut(left, top, right, bottom)
        return np.ascontiguousarray(np.rot90(crop, self._turns)) if self._turns else crop

    def _cut(self, left: int, top: int, right: int, bottom: int) -> np.ndarray:
        """The pixels of a box of the planes: each chroma sample serves the four pixels that it lies between."""
        import cv2

        x0, y0 = left // 2 * 2, top // 2 * 2
        channels = [self._plane(0)[top:bottom, left:right]]
        for index in (1, 2):
            chroma = self._plane(index)[y0 // 2 : (bottom + 1) // 2, x0 // 2 : (right + 1) // 2]
            size = (2 * chroma.shape[1], 2 * chroma.shape[0])
            wide = cv2.resize(chroma, size, interpolation=cv2.INTER_NEAREST)
            channels.append(wide[top - y0 : bottom - y0, left - x0 : right - x0])
        return cv2.transform(cv2.merge(channels), self._matrix())

    def _plane(self, index: int) -> np.ndarray:
        plane = self._frame.planes[index]
        whole = np.frombuffer(plane, np.uint8)  # type: ignore[call-overload]
        return whole.reshape(-1, plane.line_size)[: plane.height, : plane.width]

    def _matrix(self) -> np.ndarray:
        """The affine map f64[3, 4] from Y, Cb, Cr to R, G, B (ITU-T H.273)."""
        red, blue = _LUMA.get(int(self._frame.colorspace), _BT601)
        full = int(self._frame.color_range) == _FULL_RANGE or self._frame.format.name == "yuvj420p"
        offset, y, c = (0.0, 1.0, 1.0) if full else (16.0, 255 / 219, 255 / 224)
        green = 1 - red - blue
        to_red, to_blue = 2 * (1 - red) * c, 2 * (1 - blue) * c
        linear = np.array(
            [
                [y, 0, to_red],
                [y, -to_blue * blue / green, -to_red * red / green],
                [y, to_blue, 0],
            ]
        )
        return np.column_stack([linear, linear @ [-offset, -128, -128]])


def _convert_whole(frame: "av.VideoFrame") -> np.ndarray:
    from av.video.reformatter import VideoReformatter

    if not hasattr(_converters, "converter"):
        _converters.converter = VideoReformatter()
    matrix = int(frame.colorspace) if int(frame.colorspace) in _LUMA else _UNTAGGED
    return _converters.converter.reformat(frame, format="rgb24", src_colorspace=matrix).to_ndarray()


@contextlib.contextmanager
def open_video(path: Path) -> Iterator[tuple["InputContainer", "VideoStream"]]:
    """A video file and the stream of its pictures, decoded in as many threads as there are cores.

    Raises ``RecordingError`` where there is none (a cover picture is none), and what FFmpeg raises.
    """
    import av
    from av.stream import Disposition
    from av.video.stream import VideoStream

    only = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"}
    with av.open(str(path.absolute()), options=only) as container:
        stream = container.streams.best("video")
        if not isinstance(stream, VideoStream) or stream.disposition & Disposition.attached_pic:
            raise RecordingError(f"{path}: no video in this file; expected a video, an animated GIF or pictures")
        stream.thread_type = "AUTO"
        yield container, stream


def decode_video(path: Path, rotation: int, times_s: np.ndarray) -> Iterator[Frame]:
    """Decode the frames of a video file in order of presentation, ``len(times_s)`` of them.

    All have the size of the first: a stream may change its own. Raises ``RecordingError`` naming file and frame where
    the video ends early or cannot be decoded.
    """
    import av

    index, width, height = 0, 0, 0
    try:
        with open_video(path) as (container, stream):
            for frame in itertools.islice(container.decode(stream), len(times_s)):
                width, height = width or frame.width, height or frame.height
                if (frame.width, frame.height) != (width, height):
                    frame = frame.reformat(width, height)
                yield DecodedFrame(index, float(times_s[index]), frame, rotation)
                index += 1
    except av.error.FFmpegError as error:
        raise RecordingError(f"{path}: frame {index} of {len(times_s)} cannot be decoded: {error}") from error
    if index < len(times_s):
        raise RecordingError(
            f"{path}: the video ends after {index} of {len(times_s)} frames: it is damaged, or another file than was "
            f"probed; copy it again, then materialise recording again"
        )


def frame_at(path: Path, rotation: int, time_s: float) -> np.ndarray:
    """The frame at a time (s from the first) as RGB u8[H, W, 3], found by seeking; near it where key frames are rare.

    Raises ``RecordingError`` where nothing can be decoded.
    """
    import av

    for seek in (True, False):
        found = None
        with contextlib.suppress(av.error.FFmpegError), open_video(path) as (container, stream):
            due = (stream.start_time or 0) + round(time_s / stream.time_base) if stream.time_base else 0
            if seek:
                container.seek(due, stream=stream)
            for found in itertools.islice(container.decode(stream), _POSTER_REACH_FRAMES):
                if found.pts is None or found.pts >= due:
                    break
        if found is not None:
            return DecodedFrame(0, time_s, found, rotation).rgb()
    raise RecordingError(f"{path}: no frame at {time_s:.1f} s can be decoded; copy the file again")


def read_pictures(folder: Path, times_s: np.ndarray) -> Iterator[Frame]:
    """Read a sequence of pictures in order; all must have the size of the first."""
    files = image_files(folder)
    size: tuple[int, ...] | None = None
    for index, (path, time_s) in enumerate(zip(files, times_s, strict=False)):
        picture = read_picture(path)
        if size not in (None, picture.shape):
            raise RecordingError(f"{path}: {picture.shape[1]}×{picture.shape[0]} px, the pictures before it differ")
        size = picture.shape
        yield PictureFrame(index, float(time_s), picture)
    if len(files) < len(times_s):
        raise RecordingError(f"{folder}: {len(files)} pictures, {len(times_s)} when it was probed; probe it again")


def read_picture(path: Path) -> np.ndarray:
    """One picture as RGB u8[H, W, 3], turned upright; ``RecordingError`` if it is none."""
    import cv2

    data = path.read_bytes()
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if picture is None:
        raise RecordingError(f"{path}: not a picture that can be read; expected JPEG, PNG, BMP, TIFF or WebP")
    if not _is_whole(data):
        raise RecordingError(f"{path}: truncated: this JPEG has no end; copy it again")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def _is_whole(data: bytes) -> bool:
    """Whether a JPEG has its end marker behind the start of its scan: decoders fill up what is missing with grey."""
    at = 2
    while data[:2] == b"\xff\xd8" and at + 4 <= len(data) and data[at] == 0xFF:
        if data[at + 1] == 0xDA:
            return data.find(b"\xff\xd9", at) >= 0
        at += 1 if data[at + 1] == 0xFF else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return True
