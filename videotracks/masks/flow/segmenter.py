"""The embedded segmenter: objects from segmentation and motion, followed by dense optical flow. No weights."""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, Field

from videotracks.masks.flow.fields import SHRINK, SMALLEST_PX
from videotracks.masks.flow.session import FlowSession
from videotracks.masks.segmenters import Frames, Proposal


class FlowSettings(BaseModel, frozen=True, extra="forbid"):
    """How finely and how widely the flow segmenter works."""

    working_px: int = Field(
        default=640,
        ge=SMALLEST_PX,
        le=4096,
        description="longer side of the frames it looks at; larger follows finer parts, time grows with the area",
    )
    threads: int = Field(default=2, ge=1, le=64, description="objects that are worked on at the same time")


class FlowSegmenter:
    """A ``Segmenter`` without weights: DIS optical flow, colour and motion (see ``refinement``)."""

    name = "flow"

    def __init__(self, settings: FlowSettings | None = None) -> None:
        """Without settings, their defaults."""
        self.settings = settings or FlowSettings()

    def provenance(self) -> dict[str, str]:
        """What runs: OpenCV's optical flow, no weights, on the CPU."""
        import cv2

        return {"backend": f"flow (OpenCV {cv2.__version__} DIS)", "weights": "none", "device": "cpu"}

    def frame_size(self, width: int, height: int) -> tuple[int, int]:
        """At most ``working_px`` on the longer side, even, and large enough for the flow."""
        scale = min(1.0, self.settings.working_px / max(width, height))
        across, down = (max(SHRINK * round(side * scale / SHRINK), SMALLEST_PX) for side in (width, height))
        return across, down

    def propose(
        self, image_rgb: np.ndarray, neighbour_rgb: np.ndarray | None, levels: Sequence[int]
    ) -> dict[int, list[Proposal]]:
        """As ``Segmenter.propose``: regions of like colour and motion."""
        from videotracks.masks.proposals.objects import propose_objects

        return propose_objects(image_rgb, neighbour_rgb, levels)

    def session(self, frames: Frames, width: int, height: int) -> FlowSession:
        """As ``Segmenter.session``."""
        return FlowSession(frames, width, height, self.settings.threads)

    def forecast_s(self, frames: int, objects: int) -> float | None:
        """Seconds on two cores such as those of the constants below."""
        area = (self.settings.working_px / 640) ** 2
        return frames * area * (FLOW_S + objects * OBJECT_S)


#: Seconds per frame, and per object and frame, of objects of usual size at 640 px (``benchmarks.mask_following``).
FLOW_S, OBJECT_S = 0.04, 0.0025
