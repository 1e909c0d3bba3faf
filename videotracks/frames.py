"""Frames of a video, decoded one after the other, converted to RGB only where somebody looks."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from videotracks.errors import RecordingError
from videotracks.sources import image_files

if TYPE_CHECKING:
    import av

#: Luma weights (red, blue) of the YCbCr matrices, by the code points of ITU-T H.273. Untagged streams are taken as
#: BT.601, as FFmpeg does.
_LUMA = {1: (0.2126, 0.0722), 9: (0.2627, 0.0593)}
_BT601 = (0.299, 0.114)
_FULL_RANGE = 2


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

    def rgb(self) -> np.ndarray:
        """The whole frame."""
        if self._rgb is None:
            matrix = {1: "ITU709", 9: "ITU2020"}.get(int(self._frame.colorspace), "ITU601")
            picture = self._frame.to_ndarray(format="rgb24", src_colorspace=matrix)
            self._rgb = np.ascontiguousarray(np.rot90(picture, self._turns)) if self._turns else picture
        return self._rgb

    def crop(self, box: tuple[int, int, int, int]) -> np.ndarray:
        """The pixels of a box, converted from the planes where nothing else was converted yet."""
        left, top, right, bottom = box
        planar = self._frame.format.name in ("yuv420p", "yuvj420p")
        if self._rgb is not None or self._turns or not planar or right <= left or bottom <= top:
            return self.rgb()[top:bottom, left:right]
        return self._convert(left, top, right, bottom)

    def _convert(self, left: int, top: int, right: int, bottom: int) -> np.ndarray:
        import cv2

        luma, blue, red = (self._plane(i) for i in range(3))
        x0, y0 = left // 2, top // 2
        chroma = np.stack([plane[y0 : (bottom + 1) // 2, x0 : (right + 1) // 2] for plane in (blue, red)], axis=-1)
        chroma = chroma.repeat(2, axis=0).repeat(2, axis=1)[top - 2 * y0 :, left - 2 * x0 :]
        picture = np.empty((bottom - top, right - left, 3), np.uint8)
        picture[..., 0] = luma[top:bottom, left:right]
        picture[..., 1:] = chroma[: bottom - top, : right - left]
        return cv2.transform(picture, self._matrix())

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


def decode_video(path: Path, rotation: int, times_s: np.ndarray) -> Iterator[Frame]:
    """Decode the frames of a video file in order of presentation, ``len(times_s)`` of them.

    Raises ``RecordingError`` naming file and frame where the video ends early or cannot be decoded.
    """
    import av

    index = 0
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            for frame in container.decode(stream):
                if index == len(times_s):
                    return
                yield DecodedFrame(index, float(times_s[index]), frame, rotation)
                index += 1
    except (av.error.FFmpegError, IndexError) as error:
        raise RecordingError(f"{path}: frame {index} of {len(times_s)} cannot be decoded: {error}") from error
    if index < len(times_s):
        raise RecordingError(
            f"{path}: the video ends after {index} of {len(times_s)} frames: it is truncated or damaged; copy it again"
        )


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

    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise RecordingError(f"{path}: not a picture that can be read; expected JPEG, PNG, BMP, TIFF or WebP")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
