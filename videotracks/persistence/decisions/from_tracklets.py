"""Tracklets of the people graph as tracks of small pictures, read straight from the store of their crops."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from videotracks.errors import CorruptFileError
from videotracks.people.crop_store import CropStore
from videotracks.persistence.classifier.batches import evenly_spaced
from videotracks.persistence.classifier.filter import in_chunks
from videotracks.persistence.crop_tracks import CROP_PX, CropTrack
from videotracks.tables import Detections, Tracklets

#: Crops that are decoded together before they are made small: some 40 MB of pixels.
DECODED_CROPS = 256


class _Chosen(NamedTuple):
    """One tracklet, and what is looked at of it: rows of the tracklets' table, and of the crops."""

    tracklet_id: int
    rows: np.ndarray
    crops: np.ndarray


def crop_tracks(tracklets: Tracklets, detections: Detections, store: CropStore) -> Iterator[CropTrack]:
    """Each tracklet as a track of crops, in order of their ids; at most MAX_OBSERVATIONS of each, evenly spaced.

    The first and the last box are among them. Boxes without pixels (outside the frame) are passed over, and so are
    tracklets that have no others. Only what is looked at is read and decoded, so many tracklets at a time as
    ``in_chunks`` puts together. ``CorruptFileError`` where the tables and the store are not of the same run.
    """
    rows = _crop_rows(tracklets, detections, store)
    chosen = _chosen(tracklets, rows, store.sizes)
    for chunk in in_chunks(chosen, lambda track: len(track.rows)):
        pictures = _squares(store, np.concatenate([track.crops for track in chunk]))
        ends = np.cumsum([len(track.rows) for track in chunk])
        for (tracklet_id, own, _), crops in zip(chunk, np.split(pictures, ends[:-1]), strict=True):
            yield CropTrack(
                track_id=tracklet_id,
                camera=int(tracklets.camera[own[0]]),
                frame_numbers=tracklets.frame_numbers[own],
                boxes=tracklets.bboxes[own],
                confidences=tracklets.confidences[own],
                crops=crops,
            )


def _crop_rows(tracklets: Tracklets, detections: Detections, store: CropStore) -> np.ndarray:
    """The row of each box's crop; compared with the store, which another run may have written."""
    remedy = "materialise detection_crops and tracklets again"
    if len(store) != detections.row_count:
        raise CorruptFileError(f"detection_crops: {len(store)} crops of {detections.row_count} detections; {remedy}")
    shape, inside = detections.counts.shape, tracklets.detection_indices
    place = (tracklets.camera.astype("i8"), tracklets.frame_numbers)
    if not all(bool(((p >= 0) & (p < size)).all()) for p, size in zip(place, shape, strict=True)):
        raise CorruptFileError(f"tracklets: boxes beyond the {shape[0]} views of {shape[1]} frames; {remedy}")
    if not bool(((inside >= 0) & (inside < detections.counts[place])).all()):
        raise CorruptFileError(f"tracklets: a box that is not among the detections; {remedy}")
    rows = detections.row_of(*place, inside)
    if not np.array_equal(store.bboxes[rows], tracklets.bboxes):
        raise CorruptFileError(f"tracklets: boxes other than those of the crops; {remedy}")
    return rows


def _chosen(tracklets: Tracklets, crop_rows: np.ndarray, sizes: np.ndarray) -> Iterator[_Chosen]:
    """What is looked at of each tracklet, in order of their ids."""
    seen = np.flatnonzero((sizes[crop_rows] > 0).all(axis=1))
    ids, starts = np.unique(tracklets.tracklet_id[seen], return_index=True)
    for tracklet_id, own in zip(ids.tolist(), np.split(seen, starts[1:]), strict=False):  # no ids: one empty part
        rows = own[evenly_spaced(len(own))]
        yield _Chosen(tracklet_id, rows, crop_rows[rows])


def _squares(store: CropStore, rows: np.ndarray) -> np.ndarray:
    """Crops stretched to squares, u1[M, CROP_PX, CROP_PX, 3]; read in the order of the file, whoever they are of."""
    squares = np.empty((len(rows), CROP_PX, CROP_PX, 3), "u1")
    order = np.argsort(rows, kind="stable")
    for begin in range(0, len(order), DECODED_CROPS):
        part = order[begin : begin + DECODED_CROPS]
        height, width = store.sizes[rows[part]].T
        # A crop is decoded at a part of its size where that is no smaller than the square on either side: the box
        # into which the store fits it has the longest shapes of the part, so that the short side is what counts.
        fit = (CROP_PX * max(1.0, float((width / height).max())), CROP_PX * max(1.0, float((height / width).max())))
        for place, crop in zip(part.tolist(), store.crops(rows[part], fit=fit), strict=True):
            squares[place] = square(crop)
    return squares


def square(crop: np.ndarray) -> np.ndarray:
    """A picture RGB u1[h, w, 3] stretched to u1[CROP_PX, CROP_PX, 3]: areas averaged, small ones interpolated."""
    import cv2

    height, width = crop.shape[:2]
    # One call of INTER_AREA would interpolate both sides where one of them grows, and skip pixels of the other.
    shrunk = cv2.resize(crop, (min(width, CROP_PX), min(height, CROP_PX)), interpolation=cv2.INTER_AREA)
    return cv2.resize(shrunk, (CROP_PX, CROP_PX), interpolation=cv2.INTER_LINEAR)
