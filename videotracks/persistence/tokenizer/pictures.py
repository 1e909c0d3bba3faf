"""What the tokenizer keeps of crops, and how its training went, to look at."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from videotracks.persistence.crop_tracks import CROP_PX
from videotracks.persistence.curve_plots import CurvePanel, draw_curves
from videotracks.persistence.tokenizer.clips import joined
from videotracks.persistence.tokenizer.training import TrainedTokenizer

if TYPE_CHECKING:
    from videotracks.persistence.tokenizer.model import VideoTokenizer

#: Frames of a clip that are shown, and the room between clips.
_MOST_FRAMES = 16
_GAP_PX, _GROUND = 6, 255


def draw_reconstructions(network: "VideoTokenizer", clips: Sequence[np.ndarray]) -> np.ndarray:
    """Clips u1[T, CROP_PX, CROP_PX, 3] above what comes back from their codes, frame by frame: RGB u8[H, W, 3].

    Two rows for each clip, its first 16 frames from left to right.
    """
    import torch

    from videotracks.persistence.tokenizer.model import from_pixels, to_pixels

    batch = joined([clip[:_MOST_FRAMES] for clip in clips])
    with torch.inference_mode():
        x = from_pixels(torch.from_numpy(batch.crops).to(network.feature_mean.device))
        back = to_pixels(network.decode(network.encode(x).latents)).cpu().numpy()
    frames = batch.crops.shape[1]
    step = 2 * CROP_PX + _GAP_PX
    picture = np.full((len(clips) * step - _GAP_PX, frames * CROP_PX, 3), _GROUND, "u1")
    for row, there in enumerate(batch.there.sum(axis=1)):
        for half, shown in enumerate((batch.crops[row, :there], back[row, :there])):
            top = row * step + half * CROP_PX
            picture[top : top + CROP_PX, : there * CROP_PX] = np.concatenate(list(shown), axis=1)
    return picture


def draw_training(trained: TrainedTokenizer) -> np.ndarray:
    """The curves of a training on clips that it did not see: RGB u8[H, W, 3]."""
    panels = (
        CurvePanel("loss", {"": trained.curve("loss")}),
        CurvePanel("reconstruction, dB", {"PSNR": trained.curve("psnr_db")}),
        CurvePanel("layout and change, told from features", {"error": trained.curve("statistics_error")}),
        CurvePanel("codes", {"use": trained.curve("code_usage"), "doubt": trained.curve("code_doubt")}),
    )
    return draw_curves(trained.curve("step"), panels)
