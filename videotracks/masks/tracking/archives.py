"""The steps of a level put together, frame by frame, into its archives."""

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from videotracks.masks.archive import SegmentsReader, SegmentsWriter, video_segments_name
from videotracks.masks.candidates.manifest import frame_name
from videotracks.masks.object_archive import write_object_segments
from videotracks.masks.packed import PackedMask, pack
from videotracks.masks.tracking.identity import nearer
from videotracks.masks.tracking.journal import Box, Journal, StepReader

OBJECT_SEGMENTS = "object_segments.npz"


class Archived(NamedTuple):
    """What the archives of a level hold."""

    objects: int
    masks: int


def write_archives(
    journal: Journal, level: int, positions: Sequence[int], frames: range, reach: int, scale: float, folder: Path,
    shape: tuple[int, int],
) -> Archived:  # fmt: skip
    """Write both archives of a level into ``folder`` from its finished steps.

    ``positions`` (ascending): where the steps prompted; each has masks at most ``reach`` positions away. Only the steps
    that touch a frame are open while it is written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    canvas = np.zeros(shape, bool)  # one for all masks: fresh memory would cost more than the packing
    path, seen, count = folder / video_segments_name(scale), set[int](), 0
    with SegmentsWriter(path, level=level, scale=scale) as archive:
        for position, boxes in merge_frames(journal, level, positions, len(frames), reach, shape):
            packed = {object_id: _packed(boxes[object_id], canvas, scale) for object_id in sorted(boxes)}
            kept = {object_id: mask for object_id, mask in packed.items() if _is_seen(mask)}
            archive.append(frames[position], frame_name(frames[position]), kept)
            seen.update(kept)
            count += len(kept)
    with SegmentsReader(path) as segments:
        write_object_segments(folder / OBJECT_SEGMENTS, segments, path.name)
    return Archived(len(seen), count)


def _packed(box: Box, canvas: np.ndarray, scale: float) -> PackedMask:
    """A mask packed, drawn on an empty ``canvas`` bool[H, W] that is left empty."""
    part = box.draw(canvas)
    packed = pack(canvas, scale)
    canvas[part] = False
    return packed


def _is_seen(mask: PackedMask) -> bool:
    """Whether anything is left of a mask; the smallest may vanish where masks are stored smaller."""
    return mask.bits.count(0) < len(mask.bits)


def merge_frames(
    journal: Journal, level: int, positions: Sequence[int], count: int, reach: int, shape: tuple[int, int]
) -> Iterator[tuple[int, dict[int, Box]]]:
    """Every position with its objects; where steps differ about one, the mask of the prompt nearest in time."""
    later, touching = deque(positions), deque[StepReader]()
    try:
        for position in range(count):
            while touching and touching[0].step.record.position + reach < position:
                touching.popleft().close()
            while later and later[0] - reach <= position:
                touching.append(StepReader(journal.step(level, later.popleft()), shape))
            boxes: dict[int, Box] = {}
            prompted_at: dict[int, int] = {}
            for reader in touching:
                at = reader.step.record.position
                for object_id, box in reader.boxes(position):
                    if object_id not in boxes or nearer(position, at, prompted_at[object_id]):
                        boxes[object_id], prompted_at[object_id] = box, at
            yield position, boxes
    finally:
        for reader in touching:
            reader.close()
