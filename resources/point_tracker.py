"""The point tracker: what follows points of the world through calibrated views."""

from typing import Literal

import dagster as dg
from pydantic import Field, PrivateAttr

from videotracks.points.trackers import PointTracker


class PointTrackerModel(dg.ConfigurableResource):
    """A point tracker, loaded on first use and kept for the run.

    ``flow`` needs no download. ``cotracker3`` and ``mvtracker`` come through torch.hub from their authors' repositories
    or a local checkout; their licences do not let us ship them.
    """

    kind: Literal["flow", "cotracker3", "mvtracker"] = "flow"
    repository: str = Field("", description="owner/name[:ref] on GitHub or a checkout's path; empty: the authors' own")
    entry: str = Field("", description="entry point of the repository; empty: the usual one")
    device: Literal["cpu", "cuda"] = "cpu"
    window_frames: int = Field(48, description="frames that a model of torch.hub holds at a time")
    _loaded: PointTracker | None = PrivateAttr(default=None)

    def load(self) -> PointTracker:
        """The tracker; models are fetched or read when they first track."""
        if self._loaded is None:
            self._loaded = self._make()
        return self._loaded

    def provenance(self) -> dict[str, str]:
        """What runs: backend, repository, device."""
        return self.load().provenance()

    def _make(self) -> PointTracker:
        if self.kind == "flow":
            from videotracks.points.flow.tracker import FlowPointTracker

            return FlowPointTracker()
        from videotracks.points.hub import trackers as hub_trackers

        stated = {name: value for name in ("repository", "entry") if (value := getattr(self, name))}
        common = {"device": self.device, "window_frames": self.window_frames, **stated}
        if self.kind == "cotracker3":
            return hub_trackers.CoTrackerPointTracker(hub_trackers.CoTrackerSettings.model_validate(common))
        return hub_trackers.MVTrackerPointTracker(hub_trackers.MVTrackerSettings.model_validate(common))
