"""Point trackers of others behind the same interface: CoTracker3 in each view, and MVTracker in the world.

Neither comes with this project: their licences do not allow it. CoTracker3: Karaev et al. 2024, arXiv 2410.11831;
MVTracker: Rajič et al. 2025, arXiv 2508.21060. The tensors are those of their own ``hubconf.py``.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator

from videotracks.errors import ModelError
from videotracks.points.flow.settings import FlowTrackerSettings
from videotracks.points.flow.tracker import check_liftable, checked_queries
from videotracks.points.hub.lifting import lift, seen_at_query
from videotracks.points.hub.repositories import HubSettings, checked, hub_provenance, load_model
from videotracks.points.hub.windows import Followed, both_ways, in_windows
from videotracks.points.hub.world import WorldInput
from videotracks.points.trackers import Tracked, Views
from videotracks.progress import Progress, part_of, silent

COTRACKER_LICENCE = "CC BY-NC 4.0, not for commercial use; whoever runs it fetches it from its authors"
MVTRACKER_LICENCE = "its authors' own (LICENSE in the repository); whoever runs it fetches it from them"


class _Windowed(HubSettings, frozen=True, extra="forbid"):
    @model_validator(mode="after")
    def _overlap_in_window(self) -> "_Windowed":
        if self.overlap_frames >= self.window_frames:
            raise ValueError(f"overlap_frames {self.overlap_frames} must be less than window_frames")
        return self


class CoTrackerSettings(_Windowed, frozen=True, extra="forbid"):
    """Settings of ``CoTrackerPointTracker``."""

    repository: str = Field(
        default="facebookresearch/co-tracker", description="owner/name[:ref] on GitHub, or the path of a checkout"
    )
    entry: Literal["cotracker3_offline", "cotracker3_online"] = Field(
        default="cotracker3_offline", description="offline sees a whole window at once; online carries its own state"
    )


class MVTrackerSettings(_Windowed, frozen=True, extra="forbid"):
    """Settings of ``MVTrackerPointTracker``."""

    repository: str = Field(
        default="ethz-vlg/mvtracker", description="owner/name[:ref] on GitHub, or the path of a checkout"
    )
    entry: Literal["mvtracker", "mvtracker_cleandepth"] = Field(
        default="mvtracker", description="the weights: for any depth, or for depth without noise"
    )


class CoTrackerPointTracker:
    """CoTracker3 in every view, lifted by depth or triangulated (``trackers.PointTracker``)."""

    name = "cotracker3"

    def __init__(self, settings: CoTrackerSettings | None = None, fusion: FlowTrackerSettings | None = None) -> None:
        self._settings, self._fusion = settings or CoTrackerSettings(), fusion or FlowTrackerSettings()

    def provenance(self) -> dict[str, str]:
        """What runs (``hub_provenance``)."""
        return hub_provenance(self._settings, self.name, self._settings.entry, COTRACKER_LICENCE)

    def track(self, views: Views, query_points: np.ndarray, progress: Progress = silent) -> Tracked:
        """As ``trackers.PointTracker``; a view follows the points that it sees in their own frames."""
        asked = checked_queries(views, query_points)
        frame_count, view_count = views.frame_count, len(views.cameras)
        if not len(asked):
            return Tracked(np.full((frame_count, 0, 3), np.nan, "f4"), np.zeros((frame_count, 0), "f4"))
        check_liftable(views, asked)
        total = frame_count * (view_count + 2)
        pixels, sees = seen_at_query(views, asked, self._fusion)
        seen = []
        for view in range(view_count):
            seen.append(self._follow_view(views, view, asked, pixels[view], sees[view]))
            progress(frame_count * (view + 1), total)
        return lift(views, asked, seen, self._fusion, part_of(progress, frame_count * view_count, total))

    def _follow_view(
        self, views: Views, view: int, asked: np.ndarray, pixels: np.ndarray, sees: np.ndarray
    ) -> Followed:
        points = np.column_stack([asked[sees, 0], pixels[sees]])

        def through(frames: Sequence[int], places: np.ndarray) -> Followed:
            if self._settings.entry == "cotracker3_online":
                return self._online(views, view, frames, places)
            window, overlap = self._settings.window_frames, self._settings.overlap_frames
            return in_windows(frames, places, lambda f, p: self._offline(views, view, f, p), window, overlap)

        some = both_ways(points, views.frame_count, through)
        made = Followed(
            np.full((views.frame_count, len(asked), 2), np.nan, "f4"), np.zeros((views.frame_count, len(asked)), "f4")
        )
        made.positions[:, sees], made.visibilities[:, sees] = some
        return made

    def _offline(self, views: Views, view: int, frames: Sequence[int], points: np.ndarray) -> Followed:
        import torch

        with torch.no_grad():
            given = self._model(self._video(views, view, frames), queries=self._tensor(points)[None])
        return _followed(given, len(frames), len(points))

    def _online(self, views: Views, view: int, frames: Sequence[int], points: np.ndarray) -> Followed:
        """Through windows of the model's own length, each half a window on; the last one is filled up."""
        import torch

        step = int(self._model.step)
        with torch.no_grad():
            for begin in range(0, max(len(frames) - step, 1), step):
                last = len(frames) - 1
                chunk = self._video(views, view, [frames[min(i, last)] for i in range(begin, begin + 2 * step)])
                if begin == 0:
                    self._model(video_chunk=chunk, is_first_step=True, queries=self._tensor(points)[None])
                given = self._model(video_chunk=chunk)
        if not isinstance(given, tuple) or any(getattr(value, "ndim", 0) < 3 for value in given):
            return _followed(given, len(frames), len(points))
        return _followed(tuple(value[:, : len(frames)] for value in given), len(frames), len(points))

    def _video(self, views: Views, view: int, frames: Sequence[int]) -> Any:
        """f4[1, W, 3, H, W], 0 to 255."""
        pictures = self._tensor(np.stack([views.rgb(view, t) for t in frames]))
        return pictures.permute(0, 3, 1, 2)[None]

    def _tensor(self, values: np.ndarray) -> Any:
        import torch

        return torch.from_numpy(np.ascontiguousarray(values)).to(self._settings.device).float()

    @cached_property
    def _model(self) -> Any:
        return load_model(self._settings, self._settings.entry, COTRACKER_LICENCE)


class MVTrackerPointTracker:
    """MVTracker: points of the world from all views and their depth at once (``trackers.PointTracker``)."""

    name = "mvtracker"

    def __init__(self, settings: MVTrackerSettings | None = None) -> None:
        self._settings = settings or MVTrackerSettings()

    def provenance(self) -> dict[str, str]:
        """What runs (``hub_provenance``)."""
        return hub_provenance(self._settings, self.name, self._settings.entry, MVTRACKER_LICENCE)

    def track(self, views: Views, query_points: np.ndarray, progress: Progress = silent) -> Tracked:
        """As ``trackers.PointTracker``; ``ModelError`` where a view has no depth, or frames of another size."""
        asked = checked_queries(views, query_points)
        if not len(asked):
            return Tracked(np.full((views.frame_count, 0, 3), np.nan, "f4"), np.zeros((views.frame_count, 0), "f4"))
        given = WorldInput(views, int(asked[:, 0].min()))
        done = 0

        def follow(frames: Sequence[int], points: np.ndarray) -> Followed:
            nonlocal done
            found = self._follow(given, frames, points)
            done += len(frames)
            progress(done, None)
            return found

        window, overlap = self._settings.window_frames, self._settings.overlap_frames
        made = both_ways(asked, views.frame_count, lambda f, p: in_windows(f, p, follow, window, overlap))
        return Tracked(*made)

    def _follow(self, given: WorldInput, frames: Sequence[int], points: np.ndarray) -> Followed:
        """Positions f4[W, M, 3] m and visibilities f4[W, M] of a window."""
        import torch

        arrays = given.window(frames, points)
        tensors = {name: torch.from_numpy(a).to(self._settings.device)[None] for name, a in arrays.items()}
        with torch.no_grad():
            found = self._model(**tensors)
        if not isinstance(found, dict) or "traj_e" not in found or "vis_e" not in found:
            raise ModelError(f"{self._settings.repository}: the model gave no dict with traj_e and vis_e")
        count = arrays["rgbs"].shape[1]
        # The predictor keeps the batch; a threshold is put to vis_e only, and the chance kept beside it.
        tracks = checked("traj_e", found["traj_e"], (1, count, len(points), 3))[0, : len(frames)]
        chance = found.get("vis_e_as_prob", found["vis_e"])
        visibilities = checked("vis_e", chance, (1, count, len(points)))[0, : len(frames)]
        return Followed(given.to_world(tracks), np.clip(visibilities, 0, 1))

    @cached_property
    def _model(self) -> Any:
        return load_model(self._settings, self._settings.entry, MVTRACKER_LICENCE, device=self._settings.device)


def _followed(given: Any, frames: int, count: int) -> Followed:
    """What CoTracker gives, (tracks [1, W, M, 2] px, visibilities [1, W, M]), as arrays; ``ModelError``."""
    if not isinstance(given, tuple) or len(given) != 2:
        raise ModelError(f"the model gave {type(given).__name__}, (tracks, visibilities) is expected")
    tracks, visibilities = given
    return Followed(
        checked("tracks", tracks, (1, frames, count, 2))[0],
        np.clip(checked("visibilities", visibilities, (1, frames, count))[0], 0, 1),
    )
