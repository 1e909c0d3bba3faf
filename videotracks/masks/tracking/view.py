"""Candidates followed through a view: one pass over the video for all levels, and a restart loses no finished step."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from time import perf_counter

from videotracks.errors import RecordingError
from videotracks.masks.candidates.manifest import Manifest
from videotracks.masks.segmenters import Segmenter, Session
from videotracks.masks.tracking.archives import write_archives
from videotracks.masks.tracking.journal import Journal, StepCounts, StepRecord
from videotracks.masks.tracking.level import FollowProgress, LevelState, Reach, StepTracker
from videotracks.masks.tracking.plan import PlannedStep, input_key, plan_steps
from videotracks.masks.tracking.settings import LevelStatistics, MaskTrackingSettings
from videotracks.masks.tracking.window import FrameWindow
from videotracks.progress import Progress, silent
from videotracks.recording import View

__all__ = ["LevelStatistics", "MaskTrackingSettings", "preview_frames", "track_view"]

_STAGES = ("decode", "encode", "prompt", "propagate", "dedup", "persist")


def preview_frames(frames: list[int], stride: int, cap: int) -> list[int]:
    """Every ``stride``-th of ``frames``, at most ``cap`` (2 and more), evenly spread; first and last always."""
    chosen = frames[::stride]
    if frames and chosen[-1] != frames[-1]:
        chosen.append(frames[-1])
    if len(chosen) <= cap:
        return chosen
    return [chosen[round(i * (len(chosen) - 1) / (cap - 1))] for i in range(cap)]


def track_view(
    view: View,
    path: Path,
    segmenter: Segmenter,
    manifests: Mapping[int, Manifest],
    frames: range,
    settings: MaskTrackingSettings,
    work: Path,
    out: Mapping[int, Path],
    progress: Progress = silent,
    say: Callable[[str], None] = lambda _: None,
) -> dict[int, LevelStatistics]:
    """Follow the candidates of all levels of a view, and write both archives of each level into its folder ``out``.

    ``frames``: numbers of the frames that are followed, ascending. For each frame with candidates, level by level:
    those followed already are dropped, the others prompted and followed at most ``max_propagate`` frames forward, then
    backward. An object keeps one id per level for the whole video: one that is prompted anew gets its earlier id back
    where its masks overlap the earlier ones on the frames that both have; each frame has the mask of the prompt that is
    nearest in time.

    ``work`` outlives the process: a run that was killed goes on after its last finished step when it is started again
    with the same input, and its archives are the same bytes. The caller removes the folder when the archives are where
    they belong. ``progress`` counts frames propagated; its total is an upper bound until the last step has begun.
    ``say`` is told how long it will take, before it begins, if the segmenter knows.

    ``CorruptFileError`` for candidates of frames that are not followed, ``RecordingError`` where the video cannot be
    decoded or has no such frames, ``ModelError`` from the segmenter.
    """
    if not frames or frames.step < 1 or not 0 <= frames[0] <= frames[-1] < view.frame_count:
        raise RecordingError(f"{path}: no frames {frames.start} to {frames.stop} in a video of {view.frame_count}")
    journal = Journal(work, (view.height, view.width))
    plan = plan_steps(manifests, frames, journal, input_key(view, path, segmenter, frames, settings))
    follower = _Follower(view, path, segmenter, manifests, frames, settings, journal)
    records = follower.follow(plan, progress, say)
    return {
        level: _archive(journal, view, manifest, records[level], frames, settings, out[level])
        for level, manifest in manifests.items()
    }


class _Follower:
    """Takes the steps of a view in their order: over from a run before this one, or does them."""

    def __init__(
        self, view: View, path: Path, segmenter: Segmenter, manifests: Mapping[int, Manifest], frames: range,
        settings: MaskTrackingSettings, journal: Journal,
    ) -> None:  # fmt: skip
        self._segmenter, self._manifests, self._settings = segmenter, manifests, settings
        self._journal, self._frames = journal, frames
        self._shape = view.height, view.width
        self._window = FrameWindow(view, path, frames, segmenter.frame_size(view.width, view.height))

    def follow(
        self, plan: Sequence[PlannedStep], progress: Progress, say: Callable[[str], None]
    ) -> dict[int, list[StepRecord]]:
        """The records of all steps by level."""
        states = {level: self._state(level, plan) for level in self._manifests}
        records: dict[int, list[StepRecord]] = {level: [] for level in self._manifests}
        opened = [step for step in plan if not step.finished]
        needed = {step.level: self._reach(step).first for step in reversed(opened)}
        most = [self._batches(step) * (self._reach(step).last - self._reach(step).first) for step in opened]
        counter = FollowProgress(progress, most)
        if opened:
            self._foretell(plan, opened, say)
            session = self._segmenter.session(self._window, self._shape[1], self._shape[0])
        for step in plan:
            if not step.finished:
                records[step.level].append(self._track(step, states[step.level], session, counter))
            else:
                finished = self._journal.step(step.level, step.position)
                states[step.level].restore(finished, needed.get(step.level))
                records[step.level].append(finished.record)
        return records

    def _track(self, step: PlannedStep, state: LevelState, session: Session, counter: FollowProgress) -> StepRecord:
        """Do one step, and write its file."""
        reach, before = self._reach(step), self._window.seconds
        self._window.move(reach.first, reach.last)
        session.release(reach.first, reach.last)
        candidates = self._manifests[step.level].frames[step.place].items
        with self._journal.write(step.level, step.position) as writer:
            record = StepTracker(state, reach, session, writer, counter).run(candidates, step.key)
            record.seconds["decode"] = self._window.seconds - before
            writer.finish(record)
        return record

    def _state(self, level: int, plan: Sequence[PlannedStep]) -> LevelState:
        positions = [step.position for step in plan if step.level == level]
        return LevelState(level, self._settings, self._shape, positions)

    def _reach(self, step: PlannedStep) -> Reach:
        reach = self._settings.max_propagate
        return Reach(max(0, step.position - reach), step.position, min(len(self._frames) - 1, step.position + reach))

    def _batches(self, step: PlannedStep) -> int:
        return -(-step.candidates // self._settings.objects_at_once)

    def _foretell(self, plan: Sequence[PlannedStep], opened: Sequence[PlannedStep], say: Callable[[str], None]) -> None:
        """Say what is to be done, and how long that is expected to take where the segmenter knows."""
        if len(opened) < len(plan):
            say(f"{len(plan) - len(opened)} of {len(plan)} steps were finished before; going on after them")
        forecasts = []
        for step in opened:
            frames, left = self._reach(step).last - self._reach(step).first + 1, step.candidates
            while left > 0:
                forecasts.append(self._segmenter.forecast_s(frames, min(left, self._settings.objects_at_once)))
                left -= self._settings.objects_at_once
        candidates = sum(step.candidates for step in opened)
        what = f"{self._segmenter.name}: up to {candidates:,} candidates of {len(opened):,} frames and levels to follow"
        known = [forecast for forecast in forecasts if forecast is not None]
        say(f"{what}; {timedelta(seconds=round(sum(known)))} (h:mm:ss) expected if all are new" if known else what)


def _archive(
    journal: Journal, view: View, manifest: Manifest, records: Sequence[StepRecord], frames: range,
    settings: MaskTrackingSettings, folder: Path,
) -> LevelStatistics:  # fmt: skip
    """Write the archives of a level, and sum up what it came to."""
    begin, shape = perf_counter(), (view.height, view.width)
    positions, scale = [record.position for record in records], settings.mask_scale_ratio
    archived = write_archives(journal, manifest.level, positions, frames, settings.max_propagate, scale, folder, shape)
    seconds = {stage: sum(record.seconds.get(stage, 0.0) for record in records) for stage in _STAGES}
    seconds["persist"] += perf_counter() - begin
    counts = {name: sum(getattr(record.counts, name) for record in records) for name in StepCounts.model_fields}
    return LevelStatistics(
        level=manifest.level,
        counts=StepCounts(**counts),
        objects=archived.objects,
        frames=len(frames),
        masks=archived.masks,
        seconds=seconds,
        previews=preview_frames(manifest.indices, settings.preview_stride, settings.max_previews),
    )
