"""The comparison pictures and the small pictures of one level, drawn as the frames come by."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from videotracks.errors import CorruptFileError
from videotracks.masks.archive import SegmentsReader
from videotracks.masks.candidates.manifest import Candidate, Manifest
from videotracks.masks.comparison.frames import choose_frames
from videotracks.masks.comparison.overlay import Drawable, contour, drawables
from videotracks.masks.comparison.panels import compose, panel_size, picture_size
from videotracks.masks.comparison.summary import (
    NAMED_FRAMES,
    Code,
    ComparisonSummary,
    ComparisonWarning,
    DrawnFrame,
    DrawnObject,
    picture_name,
    thumbnail_name,
)
from videotracks.masks.comparison.tracked_video import scaled
from videotracks.masks.packed import PackedMask
from videotracks.recording import View

#: zlib level: 3 takes half the time of the default and makes files a few per cent larger.
_PNG_LEVEL, _JPEG_QUALITY = 3, 85
#: Longer side of a small picture, px; room left around the object, as a share of its box; how dark it is around it.
_THUMBNAIL_PX, _MARGIN, _AROUND = 128, 0.15, 0.45


class LevelPictures:
    """What is drawn of one level. ``see`` each frame of the view in order, then ask for the ``summary``."""

    def __init__(
        self,
        level: int,
        view: View,
        manifest: Manifest,
        segments: SegmentsReader,
        out: Path,
        limits: tuple[int, int, int],
    ) -> None:
        """``limits``: pictures at most, longer side of a panel in px, small pictures at most."""
        most_pictures, longest_px, most_thumbnails = limits
        out.mkdir(parents=True, exist_ok=True)
        self._level, self._manifest, self._segments, self._out = level, manifest, segments, out
        self._size = panel_size(view.width, view.height, longest_px)
        self._place = {frame: place for place, frame in enumerate(manifest.indices)}
        self._drawn: list[DrawnFrame] = []
        self._thumbnails: list[DrawnObject] = []
        self._warnings: list[ComparisonWarning] = []
        self._chosen = self._choose(view.frame_count, most_pictures)
        self._portraits = self._choose_portraits(view.frame_count, most_thumbnails)
        self.last = max([*self._chosen, *self._portraits], default=-1)

    def wants(self, frame: int) -> bool:
        """Whether something is drawn on a frame."""
        return frame in self._chosen or frame in self._portraits

    def see(self, frame: int, time_s: float, rgb: np.ndarray) -> None:
        """Draw what there is to draw on a frame of the view, u8[H, W, 3]."""
        if not self.wants(frame):
            return
        masks = self._masks(frame)
        if frame in self._chosen:
            self._draw(frame, time_s, rgb, masks)
        wanted = {identity: masks[identity] for identity in self._portraits.get(frame, ()) if identity in masks}
        for item in drawables(wanted, rgb.shape[1], rgb.shape[0]):
            self._draw_thumbnail(frame, rgb, item)

    def warn_of_masks(self, frames: Sequence[int], consequence: str) -> None:
        """Note frames whose masks could not be read."""
        self._warn("comparison.missing_masks", f"masks of {len(frames)} frames cannot be read; {consequence}", frames)

    def summary(self, trouble: str) -> ComparisonSummary:
        """What was drawn. ``trouble`` says why the frames came to an end too early, if they did."""
        missing = sorted(self._chosen - {drawn.frame_idx for drawn in self._drawn})
        if missing:
            reason = trouble or "the view ended before them"
            self._warn("comparison.missing_sources", f"{len(missing)} frames could not be decoded: {reason}", missing)
        if self._chosen and not any(drawn.candidates or drawn.objects for drawn in self._drawn):
            self._warn("comparison.render_empty", "there were frames to compare, but no picture shows any mask", [])
        return ComparisonSummary(
            level=self._level,
            picture_size=picture_size(self._size),
            frames_with_candidates=len(self._place),
            frames_with_masks=sum(bool(self._segments.objects_of(frame)) for frame in self._segments.frames),
            drawn=self._drawn,
            objects=sorted(self._thumbnails, key=lambda item: item.object_id),
            warnings=self._warnings,
        )

    def _choose(self, frame_count: int, most: int) -> set[int]:
        beyond = sorted(frame for frame in {*self._place, *self._segments.frames} if frame >= frame_count)
        if beyond:
            message = f"{len(beyond)} frames lie behind the end of the video, which has {frame_count}"
            self._warn("comparison.missing_sources", message, beyond)
        chosen = choose_frames(
            [frame for frame in self._place if frame < frame_count],
            [frame for frame in self._segments.frames if frame < frame_count],
            most,
        )
        if not chosen:
            self._warn("comparison.no_targets", "no frame has candidates or tracked masks: nothing to compare", [])
        return set(chosen)

    def _choose_portraits(self, frame_count: int, most: int) -> Mapping[int, list[int]]:
        """The objects whose small picture is cut from a frame, by frame: that in the middle of those they are seen in.

        The objects seen longest, as many as are wanted.
        """
        frames_of = {identity: self._segments.frames_of(identity) for identity in self._segments.objects}
        portraits: dict[int, list[int]] = defaultdict(list)
        for identity in sorted(frames_of, key=lambda identity: (-len(frames_of[identity]), identity))[:most]:
            middle = frames_of[identity][len(frames_of[identity]) // 2]
            if middle < frame_count:
                portraits[middle].append(identity)
        return dict(portraits)

    def _masks(self, frame: int) -> Mapping[int, PackedMask]:
        if frame not in self._segments:
            message = f"frame {frame} is not in the archive of tracked masks"
            self._warn("comparison.missing_masks", message, [frame])
            return {}
        try:
            return self._segments.masks(frame)
        except CorruptFileError as error:
            self._warn("comparison.missing_masks", str(error), [frame])
            return {}

    def _candidates(self, frame: int) -> Sequence[Candidate] | None:
        if frame not in self._place:
            return None
        try:
            return self._manifest.frames[self._place[frame]].items
        except CorruptFileError as error:
            self._warn("comparison.missing_sources", str(error), [frame])
            return None

    def _draw(self, frame: int, time_s: float, rgb: np.ndarray, masks: Mapping[int, PackedMask]) -> None:
        title = f"frame {frame} · {time_s:.2f} s · level {self._level}"
        picture = compose(scaled(rgb, self._size), title, self._candidates(frame), masks)
        if picture.candidates and frame in self._segments and not self._segments.objects_of(frame):
            message = f"frame {frame} has {picture.candidates} candidates and no tracked mask"
            self._warn("comparison.missing_masks", message, [frame])
        name = picture_name(self._level, frame)
        write_picture(self._out / name, picture.rgb)
        self._drawn.append(
            DrawnFrame(
                frame_idx=frame,
                time_s=round(time_s, 6),
                file=name,
                candidates=picture.candidates,
                followed=picture.followed,
                objects=picture.objects,
            )
        )

    def _draw_thumbnail(self, frame: int, rgb: np.ndarray, item: Drawable) -> None:
        identity = int(item.label)
        name = thumbnail_name(self._level, identity)
        write_picture(self._out / name, portrait(rgb, item))
        self._thumbnails.append(DrawnObject(object_id=identity, frame_idx=frame, file=name))

    def _warn(self, code: Code, message: str, frames: Sequence[int]) -> None:
        details = {"frames": list(frames[:NAMED_FRAMES]), "frame_count": len(frames)} if frames else {}
        self._warnings.append(ComparisonWarning(code=code, message=message, level=self._level, details=details))


def portrait(rgb: np.ndarray, item: Drawable) -> np.ndarray:
    """An object cut out of its frame, dark around it, its contour in its colour; the longer side is 128 px."""
    left, top, width, height = item.box
    margin = round(_MARGIN * max(width, height))
    x, y = max(0, left - margin), max(0, top - margin)
    cut = rgb[y : top + height + margin, x : left + width + margin]
    mask = np.zeros(cut.shape[:2], np.uint8)
    mask[top - y : top - y + height, left - x : left - x + width] = item.crop
    dim = np.where(mask[..., None], cut, (cut * _AROUND).astype(np.uint8))
    size = panel_size(cut.shape[1], cut.shape[0], _THUMBNAIL_PX)
    small = scaled(dim, size)
    small[contour(scaled(mask * np.uint8(255), size) > 127, 1)] = item.color
    return small


def write_picture(path: Path, rgb: np.ndarray) -> None:
    """Write a picture RGB u8[H, W, 3] as PNG or JPEG, as the name says; ``OSError`` where that fails."""
    import cv2

    png = path.suffix == ".png"
    options = [cv2.IMWRITE_PNG_COMPRESSION, _PNG_LEVEL] if png else [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    encoded, data = cv2.imencode(path.suffix, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)
    if not encoded:
        raise OSError(f"{path}: a picture of {rgb.shape[1]}×{rgb.shape[0]} px cannot be encoded")
    path.write_bytes(data.tobytes())
