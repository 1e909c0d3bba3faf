"""The tokenizer's encoder at work: features of tracks of any lengths."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from videotracks.errors import ModelError
from videotracks.persistence.crop_tracks import CROP_PX, FEATURES
from videotracks.persistence.tokenizer.clips import joined

if TYPE_CHECKING:
    from videotracks.persistence.tokenizer.model import VideoTokenizer

#: Weights that come with the project.
SHIPPED = Path(__file__).parents[1] / "weights" / "video_tokenizer.safetensors"
#: Crops that go through the network at a time: on the CPU they stay in its caches, a GPU wants more to do.
_BATCH_CROPS = {"cpu": 64, "cuda": 2048}


class _Piece(NamedTuple):
    """Crops ``begin`` to ``end`` of a track; those before ``first`` are only what the others look back to."""

    track: int
    begin: int
    first: int
    end: int


class VideoTokenizerEncoder:
    """Features of tracks, from the weights of a file: the shipped ones, or a checkpoint by its path."""

    def __init__(self, weights: Path = SHIPPED, *, device: Literal["cpu", "cuda"] = "cpu") -> None:
        """The weights are read when they are first needed; ``ModelError`` then, where they cannot be."""
        self._weights, self._device = weights, device
        self._network: VideoTokenizer | None = None
        self._digest = ""

    def features(self, crops: Sequence[np.ndarray]) -> list[np.ndarray]:
        """For each track's crops u1[T, CROP_PX, CROP_PX, 3] its features f4[T, FEATURES]; T may differ and be 1.

        Each observation has latents of its own (T' = T), so their means over space are the features; those of an
        observation depend on it and the few before it. Memory does not grow with the lengths of tracks.
        """
        import torch

        for track in crops:
            if track.dtype != np.uint8 or track.ndim != 4 or track.shape[1:] != (CROP_PX, CROP_PX, 3):
                raise ValueError(f"expected crops u1[T, {CROP_PX}, {CROP_PX}, 3], got {track.dtype}{list(track.shape)}")
        network = self._loaded()
        from videotracks.persistence.tokenizer.model import HISTORY_FRAMES, from_pixels

        found = [np.empty((len(track), FEATURES), "f4") for track in crops]
        most = _BATCH_CROPS[self._device]
        with torch.inference_mode():
            for pieces in _batches([len(track) for track in crops], most, HISTORY_FRAMES):
                batch = joined([crops[piece.track][piece.begin : piece.end] for piece in pieces]).crops
                made = network.features(from_pixels(torch.from_numpy(batch).to(self._device))).cpu().numpy()
                for piece, rows in zip(pieces, made, strict=True):
                    kept = slice(piece.first - piece.begin, piece.end - piece.begin)
                    found[piece.track][piece.first : piece.end] = rows[kept]
        return found

    def provenance(self) -> dict[str, str]:
        """Weights file, its SHA-256 and the device."""
        self._loaded()
        return {"weights": self._weights.name, "sha256": self._digest, "device": self._device}

    def _loaded(self) -> "VideoTokenizer":
        if self._network is None:
            import torch

            from videotracks.persistence.tokenizer.weights import read_tokenizer

            if self._device == "cuda" and not torch.cuda.is_available():
                raise ModelError("device cuda: PyTorch finds no GPU here; choose the device cpu")
            self._network = read_tokenizer(self._weights).network.to(self._device)
            self._digest = hashlib.sha256(self._weights.read_bytes()).hexdigest()
        return self._network


def _batches(lengths: Sequence[int], most: int, history: int) -> Iterator[list[_Piece]]:
    """Tracks cut into pieces of at most ``most`` crops, and those of like lengths together, so that few are filled up.

    A piece from the middle of a track begins ``history`` crops earlier than what it is for.
    """
    pieces = []
    for track, length in enumerate(lengths):
        first = 0
        while first < length:
            begin = max(0, first - history)
            end = min(length, begin + most)
            pieces.append(_Piece(track, begin, first, end))
            first = end
    pieces.sort(key=lambda piece: piece.begin - piece.end)
    while pieces:
        count = max(1, most // (pieces[0].end - pieces[0].begin))
        yield pieces[:count]
        del pieces[:count]
