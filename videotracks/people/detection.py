"""One pass over a recording: frames are decoded, persons found in them, and their pixels kept."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from videotracks.errors import ModelError, RecordingError
from videotracks.people.crops import CropRows, CropSettings, CropWriter, pixel_box
from videotracks.people.detectors import Detector
from videotracks.progress import Progress, silent
from videotracks.read_ahead import read_ahead
from videotracks.recording import Frame, Recording, read_frames, view_path
from videotracks.tables import Detections

#: Decoded frames that wait for the detector, and frames whose crops wait for the encoders.
_DECODED_AHEAD, _ENCODING_BEHIND = 4, 8

#: Cuts a box of whole pixels (left, top, right, bottom) out of a frame: RGB u8[h, w, 3].
Cut = Callable[[tuple[int, int, int, int]], np.ndarray]
#: Boxes f32[N, 4] and confidences f32[N] in one frame of one view, and how to cut from it.
Found = tuple[np.ndarray, np.ndarray, Cut]


class DetectionSettings(BaseModel, frozen=True, extra="forbid"):
    """Which of the detector's boxes are kept."""

    min_confidence: float = Field(default=0.3, ge=0, le=1, description="confidence from which a box is kept, 0 to 1")
    max_persons: int = Field(default=15, ge=1, description="persons kept in a frame, the most confident ones")


def detect_recording(
    recording: Recording,
    source: Path,
    detector: Detector,
    crops_path: Path,
    settings: DetectionSettings,
    crop_settings: CropSettings,
    progress: Progress = silent,
) -> Detections:
    """Find the persons in every frame of every view, and write their crops to ``crops_path`` (crop i: row i).

    Decoding, detection and encoding overlap; memory does not grow with the recording. ``progress`` counts
    frames of all views. Whatever fails, in any thread, is raised here, and leaves no file.
    """

    def look(camera: int, frame: Frame, image: np.ndarray) -> Found:
        bboxes, confidences = detector.detect(image)
        if bboxes.shape != (len(confidences), 4) or not (np.isfinite(bboxes).all() and np.isfinite(confidences).all()):
            raise ModelError(f"detector {detector.name}: boxes {bboxes.shape}, confidences {confidences.shape}")
        kept = np.flatnonzero(confidences >= settings.min_confidence)
        kept = np.sort(kept[np.argsort(-confidences[kept], kind="stable")[: settings.max_persons]])
        return bboxes[kept], confidences[kept], lambda box: image[box[1] : box[3], box[0] : box[2]]

    return _pass(recording, source, crops_path, crop_settings, lambda frame: frame.rgb(), look, progress)


def crop_recording(
    recording: Recording,
    source: Path,
    detections: Detections,
    crops_path: Path,
    crop_settings: CropSettings,
    progress: Progress = silent,
) -> Detections:
    """Write the crops of given ``detections`` (public ones, say) to ``crops_path``, in one pass.

    Returns the detections with a count for every frame of the recording. ``RecordingError`` where they are
    of other views or of frames that the recording does not have.
    """
    counts = detections.counts
    frames = [view.frame_count for view in recording.views]
    beyond = len(counts) != len(frames) or any(row[n:].any() for row, n in zip(counts, frames, strict=True))
    if beyond:
        raise RecordingError(
            f"{recording.name}: detections of {counts.shape[0]} views and up to frame {counts.shape[1] - 1} do not "
            f"belong to views of {frames} frames; give the detections of this very recording"
        )
    ends = np.cumsum(counts.ravel()).reshape(counts.shape)

    def look(camera: int, frame: Frame, _: None) -> Found:
        count = int(counts[camera, frame.index]) if frame.index < counts.shape[1] else 0
        end = int(ends[camera, frame.index]) if count else 0
        rows = slice(end - count, end)
        return detections.bboxes[rows], detections.confidences[rows], frame.crop

    return _pass(recording, source, crops_path, crop_settings, lambda frame: None, look, progress)


def _pass(
    recording: Recording,
    source: Path,
    crops_path: Path,
    crop_settings: CropSettings,
    convert: Callable[[Frame], Any],
    look: Callable[[int, Frame, Any], Found],
    progress: Progress,
) -> Detections:
    """Decode all views, one after the other: ``convert`` in the decoding thread, ``look`` in this one."""
    total = sum(view.frame_count for view in recording.views)
    counts = np.zeros((len(recording.views), max(view.frame_count for view in recording.views)), "i8")
    done = 0
    with CropWriter(crops_path, crop_settings) as writer, _Encoders(writer, crop_settings.encode_threads) as encoders:
        for camera, view in enumerate(recording.views):
            decoded = ((frame, convert(frame)) for frame in read_frames(view_path(source, view), view))
            seen = 0
            for frame, image in read_ahead(decoded, _DECODED_AHEAD):
                if frame.index != seen or seen >= view.frame_count:
                    raise _changed(recording, camera, f"frame {frame.index} where frame {seen} was due")
                bboxes, confidences, cut = look(camera, frame, image)
                encoders.submit(_rows(camera, frame.index, bboxes, confidences), cut, frame.width, frame.height)
                counts[camera, seen] = len(bboxes)
                seen, done = seen + 1, done + 1
                progress(done, total)
            if seen != view.frame_count:
                raise _changed(recording, camera, f"{seen} frames")
        encoders.drain()
        writer.total_frames = total
        rows = writer.rows()
    return Detections(
        frame_numbers=rows.frame_numbers,
        bboxes=rows.bboxes,
        confidences=rows.confidences,
        classes=np.zeros(len(rows.frame_numbers), "i8"),
        num_detections_per_frame=counts if len(counts) > 1 else counts[0],
        camera=rows.camera,
        camera_ids=np.array([view.camera for view in recording.views], dtype="U"),
    )


def _changed(recording: Recording, camera: int, found: str) -> RecordingError:
    view = recording.views[camera]
    return RecordingError(
        f"{recording.name}: view {view.camera}: expected {view.frame_count} frames, got {found}; "
        f"the file has changed since it was probed: materialise recording again"
    )


def _rows(camera: int, frame: int, bboxes: np.ndarray, confidences: np.ndarray) -> CropRows:
    count = len(bboxes)
    return CropRows(
        frame_numbers=np.full(count, frame, "i8"),
        bboxes=np.asarray(bboxes, "f4").reshape(-1, 4),
        confidences=np.asarray(confidences, "f4"),
        camera=np.full(count, camera, "i2"),
        detection_indices=np.arange(count, dtype="i8"),
    )


class _Encoders:
    """Threads that cut and encode crops, a frame at a time, in front of a writer that keeps their order."""

    def __init__(self, writer: CropWriter, threads: int) -> None:
        self._writer = writer
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="encode")
        self._pending: deque[tuple[CropRows, Future]] = deque()

    def __enter__(self) -> "_Encoders":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def submit(self, rows: CropRows, cut: Cut, width: int, height: int) -> None:
        """Encode the crops of one frame of ``width`` x ``height`` px soon; waits where too many are in work."""
        if len(rows.frame_numbers):
            self._pending.append((rows, self._pool.submit(self._encode, rows.bboxes, cut, width, height)))
        while self._pending and (len(self._pending) > _ENCODING_BEHIND or self._pending[0][1].done()):
            self._write_next()

    def drain(self) -> None:
        """Write what is still in work."""
        while self._pending:
            self._write_next()

    def _write_next(self) -> None:
        rows, future = self._pending.popleft()
        self._writer.append(rows, *future.result())

    def _encode(
        self, bboxes: np.ndarray, cut: Cut, width: int, height: int
    ) -> tuple[list[bytes], list[tuple[int, int]]]:
        crops = []
        for bbox in bboxes:
            box = pixel_box(bbox, width, height)
            crops.append(cut(box) if box[0] < box[2] else np.zeros((0, 0, 3), np.uint8))
        return [self._writer.encode(crop) for crop in crops], [crop.shape[:2] for crop in crops]
