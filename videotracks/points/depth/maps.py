"""Depth maps of all views of a recording: recorded ones, those of stereo pairs, or a model's."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Self

import numpy as np
from pydantic import BaseModel, Field, model_validator

from videotracks.errors import CalibrationError
from videotracks.geometry.camera import Camera
from videotracks.geometry.camera_path import ViewCamera
from videotracks.points.depth.models import DepthModel
from videotracks.points.depth.sources import MILLIMETRE, RecordedDepth, open_recorded
from videotracks.points.depth.stereo import StereoMatcher, StereoSettings, choose_partners
from videotracks.points.depth.store import FAR_M, FARTHEST_M, NEAR_M, DepthStore, DepthWriter, ViewSize
from videotracks.progress import Progress, silent
from videotracks.recording import Recording, View, read_frames, view_path

Kind = Literal["files", "stereo", "model", "none"]


class DepthSettings(BaseModel, frozen=True, extra="forbid"):
    """Where depth comes from, and what of it is kept."""

    kind: Literal["auto", "files", "stereo", "model"] = Field(
        default="auto", description="auto: recorded depth where there is some, else stereo where views can be matched"
    )
    near_m: float = Field(default=NEAR_M, gt=0, description="m; nearer depth is none")
    far_m: float = Field(default=FAR_M, gt=0, le=FARTHEST_M, description="m; farther depth is none")
    unit_m: float = Field(default=MILLIMETRE, ge=1e-9, le=10, description="m per unit, where no depth file states it")
    stereo: StereoSettings = StereoSettings()

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not max(self.near_m, self.stereo.near_m) < self.far_m:
            raise ValueError(
                f"near_m {self.near_m} and {self.stereo.near_m} of stereo must be below far_m {self.far_m}"
            )
        return self


@dataclass(frozen=True, slots=True)
class ViewDepthReport:
    """Where the depth of one view came from."""

    camera: str
    kind: Kind
    frames: int
    frames_with_depth: int
    known_share: float  # of the pixels of all frames
    detail: str  # what was used, or why there is none


class MadeDepth(NamedTuple):
    """Depth maps, open for reading, and where they came from."""

    store: DepthStore
    report: list[ViewDepthReport]


@dataclass(slots=True)
class _Plan:
    """What is going to be done for one view."""

    view: View
    kind: Kind
    detail: str
    recorded: RecordedDepth | None = None
    share_sum: float = 0.0
    with_depth: int = 0

    @property
    def size(self) -> ViewSize:
        height, width = self.recorded.size if self.recorded else (self.view.height, self.view.width)
        return ViewSize(self.view.camera, self.view.frame_count, height, width)

    def report(self) -> ViewDepthReport:
        frames = self.view.frame_count
        return ViewDepthReport(
            self.view.camera, self.kind, frames, self.with_depth, self.share_sum / frames, self.detail
        )


def make_depth(
    recording: Recording,
    source: Path,
    cameras: Sequence[ViewCamera],
    target: Path,
    settings: DepthSettings | None = None,
    *,
    model: DepthModel | None = None,
    progress: Progress = silent,
) -> MadeDepth:
    """Write the depth maps of a recording, which lies at ``source``, to ``target``; ``progress`` counts frames.

    ``cameras`` are those of the views, in their order, or none: only stereo needs them. A view without any depth stays
    empty, and the report says why; no source stands in for another that was asked for. The file that is handed back is
    the caller's to close.

    ``RecordingError`` and ``CorruptFileError`` name recorded depth that cannot be used, ``CalibrationError`` cameras
    that are not those of the views; ``ValueError`` without a model where one is asked for.
    """
    chosen = settings or DepthSettings()
    if (model is None) == (chosen.kind == "model"):
        raise ValueError("a model is given for the kind model, and only for that")
    _check_cameras(recording.views, cameras)
    with ExitStack() as stack:
        plans, matcher = _planned(recording, source, cameras, chosen, model, stack)
        sizes = [plan.size for plan in plans]
        with DepthWriter(target, sizes, near_m=chosen.near_m, far_m=chosen.far_m) as writer:

            def write(view: int, t: int, depth_m: np.ndarray) -> None:
                share = writer.write(view, t, depth_m)
                plans[view].share_sum += share
                plans[view].with_depth += share > 0

            jobs = [_one_by_one(number, plan, source, cameras, model, write) for number, plan in enumerate(plans)]
            total = sum(plan.view.frame_count for plan in plans if plan.kind in ("files", "model"))
            if matcher is not None:
                total += _shared_frames(plans, matcher)
                jobs.append(_in_step(plans, source, matcher, write))
            done = 0
            for job in jobs:
                for _ in job:
                    done += 1
                    progress(done, total)
    return MadeDepth(DepthStore.open(target), [plan.report() for plan in plans])


_Write = Callable[[int, int, np.ndarray], None]


def _check_cameras(views: Sequence[View], cameras: Sequence[ViewCamera]) -> None:
    if cameras and len(cameras) != len(views):
        raise CalibrationError(f"{len(cameras)} cameras for {len(views)} views; each view needs its camera")
    for view, camera in zip(views, cameras, strict=False):
        if (view.width, view.height) != (camera.width, camera.height):
            raise CalibrationError(
                f"camera {camera.camera_id} has {camera.width}×{camera.height} px, view {view.camera} "
                f"{view.width}×{view.height}: calibrate at the size of the view"
            )


def _planned(
    recording: Recording,
    source: Path,
    cameras: Sequence[ViewCamera],
    chosen: DepthSettings,
    model: DepthModel | None,
    stack: ExitStack,
) -> tuple[list[_Plan], StereoMatcher | None]:
    plans = [_Plan(view, "none", "") for view in recording.views]
    for plan in plans:
        if model is not None:
            plan.kind, plan.detail = "model", ", ".join(f"{k} {v}" for k, v in model.provenance().items())
        elif chosen.kind != "stereo":
            plan.recorded = open_recorded(source, plan.view, chosen.unit_m)
            if plan.recorded is not None:
                stack.enter_context(plan.recorded)
                plan.kind, plan.detail = "files", "as recorded"
            else:
                plan.detail = "no depth lies beside the recording"
    open_still = [number for number, plan in enumerate(plans) if plan.kind == "none"]
    if chosen.kind not in ("auto", "stereo") or not open_still:
        return plans, None
    return plans, _plan_stereo(plans, open_still, cameras, chosen)


def _plan_stereo(
    plans: list[_Plan], wanted: list[int], cameras: Sequence[ViewCamera], chosen: DepthSettings
) -> StereoMatcher | None:
    """Find a partner for the views without depth; what cannot be matched gets its reason."""

    def leave_out(number: int, why: str) -> None:
        plan = plans[number]
        plan.detail = f"{plan.detail}; {why}" if plan.detail else why

    still = [camera for camera in cameras if isinstance(camera, Camera)]
    if len(still) < len(cameras):
        for number in wanted:
            leave_out(number, "stereo needs cameras that stand still")
        return None
    if not cameras or len(plans) < 2:
        for number in wanted:
            leave_out(number, "stereo needs two calibrated views" if len(plans) < 2 else "stereo needs calibration")
        return None
    partners, reasons = choose_partners(still, chosen.stereo, chosen.far_m)
    matcher = StereoMatcher(
        still, [p if n in wanted else None for n, p in enumerate(partners)], chosen.stereo, chosen.far_m
    )
    for number in wanted:
        partner = partners[number]
        if partner is None or number in matcher.left_out:
            leave_out(number, f"no view for stereo: {matcher.left_out.get(number, reasons[number])}")
        else:
            plans[number].kind = "stereo"
            plans[number].detail = (
                f"with {plans[partner.view].view.camera}, {partner.baseline_m:.2f} m beside it, at "
                f"{partner.parallax_deg:.1f}°; from {matcher.nearest_m(number):.2f} m on"
            )
    return matcher if matcher.views else None


def _one_by_one(
    number: int, plan: _Plan, source: Path, cameras: Sequence[ViewCamera], model: DepthModel | None, write: _Write
) -> Iterator[None]:
    """Write recorded depth, or a model's, of one view."""
    if plan.recorded is not None:
        for t in range(plan.view.frame_count):
            depth_m = plan.recorded.frame(t)
            if depth_m is not None:
                write(number, t, depth_m)
            yield
    elif model is not None:
        camera = cameras[number] if cameras else None
        for frame in read_frames(view_path(source, plan.view), plan.view):
            write(number, frame.index, model.depth(frame.rgb(), camera.at(frame.index) if camera else None))
            yield


def _shared_frames(plans: list[_Plan], matcher: StereoMatcher) -> int:
    return min(plans[view].view.frame_count for view in matcher.views_needed)


def _in_step(plans: list[_Plan], source: Path, matcher: StereoMatcher, write: _Write) -> Iterator[None]:
    """Write the depth of pairs, decoding all their views side by side, as long as the shortest of them."""
    count = _shared_frames(plans, matcher)
    views = {number: plans[number].view for number in sorted(matcher.views_needed)}
    decoders = [read_frames(view_path(source, view), view, stop=count) for view in views.values()]
    for together in zip(*decoders, strict=True):
        pictures = {number: frame.rgb() for number, frame in zip(views, together, strict=True)}
        for number, depth_m in matcher.depths(pictures):
            write(number, together[0].index, depth_m)
        yield
