"""The filter: from the pictures of a track to whether it is a thing, and which of them decided."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from videotracks.persistence.classifier.batches import evenly_spaced
from videotracks.persistence.crop_tracks import CROP_PX, Prediction, TrackClassifier, TrackEncoder

Track = TypeVar("Track")

#: Crops that are encoded together, or those of one track: 25 MB of pixels.
CHUNK_CROPS = 2048
#: The frames that an explanation names together hold this share of the importance; it names so many at most.
_EXPLAINED, _NAMED = 0.5, 4


def features_of(tracks: Iterable[np.ndarray], encoder: TrackEncoder) -> Iterator[np.ndarray]:
    """Features f4[T, FEATURES] of each track's crops u1[T, CROP_PX, CROP_PX, 3], one after the other.

    Tracks are taken from the iterable as they are needed: never more than ``CHUNK_CROPS`` crops, or one track, are
    held at a time.
    """
    for chunk in in_chunks(tracks, len):
        yield from encoder.features(chunk)


def in_chunks(tracks: Iterable[Track], crops_of: Callable[[Track], int]) -> Iterator[list[Track]]:
    """Tracks together until they hold ``CHUNK_CROPS`` crops, at least one track each; taken when they are needed."""
    chunk: list[Track] = []
    held = 0
    for track in tracks:
        count = crops_of(track)
        if chunk and held + count > CHUNK_CROPS:
            yield chunk
            chunk, held = [], 0
        chunk.append(track)
        held += count
    if chunk:
        yield chunk


class PersistenceFilter:
    """Decides on tracks from their pixels alone."""

    def __init__(self, encoder: TrackEncoder, classifier: TrackClassifier) -> None:
        self.encoder, self.classifier = encoder, classifier

    def predict(self, track_pixels: np.ndarray) -> Prediction:
        """What is said of a track's crops u1[T, CROP_PX, CROP_PX, 3], T ≥ 1."""
        return self.predict_many([track_pixels])[0]

    def predict_many(self, tracks: Sequence[np.ndarray]) -> list[Prediction]:
        """What is said of each track's crops u1[T, CROP_PX, CROP_PX, 3], T ≥ 1.

        Of a track with more than ``MAX_OBSERVATIONS`` as many are looked at, evenly spaced; the importance of the
        others is 0. ``ValueError`` for crops of another shape or type.
        """
        for at, crops in enumerate(tracks):
            if crops.shape[1:] != (CROP_PX, CROP_PX, 3) or not len(crops) or crops.dtype != np.uint8:
                wanted = f"u1[T ≥ 1, {CROP_PX}, {CROP_PX}, 3]"
                raise ValueError(f"track {at}: expected crops {wanted}, got {crops.dtype}{list(crops.shape)}")
        chosen = [evenly_spaced(len(crops)) for crops in tracks]
        looked_at = (crops[places] for crops, places in zip(tracks, chosen, strict=True))
        found = self.classifier.predict(list(features_of(looked_at, self.encoder)))
        return [_spread(*each) for each in zip(found, chosen, map(len, tracks), strict=True)]

    @staticmethod
    def get_explanation(importance: np.ndarray, duration: int) -> str:
        """A sentence for people: which frames decided.

        ``importance`` f4[T] of a prediction; ``duration`` frames of the track, from its first to its last: where it
        is more than T, the observations are taken to lie evenly spaced over it.
        """
        count = len(importance)
        if count == 0 or duration < count:
            raise ValueError(f"expected as many frames as observations or more, got {duration} and {count}")
        if count == 1:
            return "A single frame was seen, and it alone decided."
        order = np.argsort(-importance, kind="stable")
        share = np.cumsum(importance[order])
        needed = int(np.searchsorted(share, _EXPLAINED * share[-1])) + 1
        frames = np.linspace(1, duration, count).round().astype(int)
        if needed > _NAMED or needed >= (count + 1) // 2:
            peak = f"frame {frames[order[0]]} weighed most, with {share[0] / max(share[-1], 1e-30):.0%}"
            return f"Of {duration} frames none decided alone: half of the weight lies on {needed} of {count}; {peak}."
        named = sorted(frames[order[:needed]].tolist())
        weight = share[needed - 1] / share[-1]
        if needed == 1:
            return f"Frame {named[0]} of {duration} decided: it carries {weight:.0%} of the weight."
        listed = f"{', '.join(map(str, named[:-1]))} and {named[-1]}"
        return f"Frames {listed} of {duration} decided: together they carry {weight:.0%} of the weight."


def _spread(prediction: Prediction, chosen: np.ndarray, count: int) -> Prediction:
    """A prediction from the chosen observations as one of all ``count``."""
    importance = np.zeros(count, "f4")
    importance[chosen] = prediction.importance
    return Prediction(prediction.is_persistent, prediction.confidence, importance)
