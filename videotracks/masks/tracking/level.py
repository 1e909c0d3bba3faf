"""One level of a view: which of its candidates are new, what becomes of them, and who they are."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from time import perf_counter
from typing import NamedTuple

import numpy as np

from videotracks.errors import ModelError
from videotracks.masks.candidates.manifest import Candidate
from videotracks.masks.packed import unpack
from videotracks.masks.segmenters import Session
from videotracks.masks.tracking.dedup import DedupStore, ThumbnailSize, new_candidates
from videotracks.masks.tracking.identity import IdentityMatch, Seen, SeenObjects
from videotracks.masks.tracking.journal import Step, StepCounts, StepReader, StepRecord, StepWriter
from videotracks.masks.tracking.prompts import check_masks, prepare_prompt, prompt_objects
from videotracks.masks.tracking.settings import MaskTrackingSettings


class Reach(NamedTuple):
    """A prompted position, and those it is followed back and on to, included."""

    first: int
    position: int
    last: int


class LevelState:
    """What is known of a level's objects in the frames that prompts still reach."""

    def __init__(
        self, level: int, settings: MaskTrackingSettings, shape: tuple[int, int], positions: Iterable[int]
    ) -> None:
        """``shape``: H, W of the video; ``positions``: where candidates of this level stand."""
        self.level, self.settings, self.shape = level, settings, shape
        self.size = ThumbnailSize(*shape, settings.dedup_size)
        self.dedup, self.seen = DedupStore(self.size, positions), SeenObjects()
        self._next_id = 1

    def restore(self, step: Step, needed_from: int | None) -> None:
        """Take over a step that was finished before; only its masks from ``needed_from`` on still play a part."""
        self.forget(step.record.position - self.settings.max_propagate)
        needed = sorted(p for p in step.members if needed_from is not None and p >= needed_from)
        with closing(StepReader(step, self.shape)) as reader:
            for position in needed:
                ids, boxes = zip(*reader.boxes(position), strict=True)
                thumbnails = self.size.shrink_all(box.mask(self.shape) for box in boxes)
                self.dedup.keep(position, thumbnails)
                self.remember(step.record.position, position, ids, thumbnails)
        self._next_id = max([self._next_id, *(object_id + 1 for object_id in step.record.ids)])

    def forget(self, before: int) -> None:
        """Let go of the frames before a position."""
        self.dedup.forget(before)
        self.seen.forget(before)

    def accept(self, position: int, candidates: Sequence[Candidate]) -> list[Candidate]:
        """The candidates of a frame that are not followed yet; from now on they count as followed."""
        thumbnails = self.size.shrink_all(unpack(candidate.mask) for candidate in candidates)
        accepted = new_candidates(thumbnails, self.dedup.at(position), self.settings.dedup_iou)
        self.dedup.keep(position, thumbnails[accepted])
        return [candidates[place] for place in accepted]

    def name(self, count: int, known: dict[int, int]) -> list[int]:
        """The ids of the objects of a step: those ``known`` from before, and the next ones."""
        ids = []
        for place in range(count):
            ids.append(known.get(place, self._next_id))
            self._next_id += place not in known
        return ids

    def remember(self, prompted_at: int, position: int, ids: Iterable[int], thumbnails: np.ndarray) -> None:
        """Keep the masks of a frame for the identity of objects that come later."""
        for object_id, thumbnail in zip(ids, thumbnails, strict=True):
            self.seen.keep(position, object_id, Seen(prompted_at, thumbnail))


class FollowProgress:
    """Counts frames propagated; the total is what remains at most, put right with every step."""

    def __init__(self, progress: Callable[[int, int | None], None], most: Sequence[int]) -> None:
        """``most``: the frames that each step will propagate if none of its candidates is followed already."""
        self._progress, self._later, self._most = progress, sum(most), iter(most)
        self._done = self._step = 0

    def begin(self, frames: int) -> None:
        """Begin the next step, which will propagate that many."""
        self._later -= next(self._most)
        self._step = frames
        self._progress(self._done, self._done + self._step + self._later)

    def advance(self) -> None:
        """One frame more."""
        self._done, self._step = self._done + 1, max(0, self._step - 1)
        self._progress(self._done, self._done + self._step + self._later)


class StepTracker:
    """Follows the new ones among the candidates of one frame, and writes the step's file."""

    def __init__(
        self, state: LevelState, reach: Reach, session: Session, writer: StepWriter, progress: FollowProgress
    ) -> None:
        self._state, self._reach, self._session, self._writer = state, reach, session, writer
        self._progress = progress
        self._match = IdentityMatch(state.settings.identity_iou)
        self._objects = 0
        self._found: list[tuple[int, list[int], np.ndarray]] = []  # position, objects, thumbnails
        self._before, self._own = dict(session.seconds), {"dedup": 0.0, "persist": 0.0}

    def run(self, candidates: Sequence[Candidate], key: str) -> StepRecord:
        """Prompt, follow forward and backward, and name the objects."""
        state, settings = self._state, self._state.settings
        with self._timed("dedup"):
            state.forget(self._reach.first)
            accepted = state.accept(self._reach.position, candidates)
        batches = [
            accepted[i : i + settings.objects_at_once] for i in range(0, len(accepted), settings.objects_at_once)
        ]
        self._progress.begin(len(batches) * (self._reach.last - self._reach.first))
        tally = [self._follow(batch) for batch in batches]
        with self._timed("dedup"):
            known = self._match.matches()
            ids = state.name(self._objects, known)
            for position, places, thumbnails in self._found:
                state.remember(self._reach.position, position, [ids[place] for place in places], thumbnails)
        by_box, fallbacks, unusable = (sum(column) for column in zip(*tally, (0, 0, 0), strict=True))
        counts = StepCounts(
            candidates=len(candidates),
            duplicates=len(candidates) - len(accepted),
            prompts=len(accepted),
            box_prompts=by_box,
            box_fallbacks=fallbacks,
            unusable_prompts=unusable,
            regained=len(known),
        )
        spent = {stage: total - self._before.get(stage, 0.0) for stage, total in self._session.seconds.items()}
        return StepRecord(
            key=key,
            level=state.level,
            position=self._reach.position,
            ids=ids,
            counts=counts,
            seconds={**spent, **self._own},
        )

    def _follow(self, batch: Sequence[Candidate]) -> tuple[int, int, int]:
        """Follow some objects together; how many were prompted by box, fell back to it, and came to nothing."""
        state, reach = self._state, self._reach
        mode, min_area = state.settings.prompt_mode, state.settings.min_area
        prepared = [prepare_prompt(candidate, mode, min_area, state.shape) for candidate in batch]
        prompted = prompt_objects(self._session, reach.position, prepared, state.shape)
        count = len(prompted.masks)
        if count:
            self._take(reach.position, prompted.masks)
            for last in (reach.last, reach.first):
                if last != reach.position:
                    for position, masks in self._session.propagate(last):
                        check_masks(masks, count, state.shape)
                        if not min(reach.position, last) <= position <= max(reach.position, last):
                            raise ModelError(f"asked to go from {reach.position} to {last}, it came to {position}")
                        self._take(position, masks)
                        self._progress.advance()
        self._objects += count
        return sum(item.prompt.mask is None for item in prepared), prompted.box_fallbacks, prompted.unusable

    def _take(self, position: int, masks: np.ndarray) -> None:
        """Keep the masks of a frame, those that are empty left out."""
        present = np.flatnonzero(masks.any(axis=(1, 2))).tolist()
        places = [self._objects + place for place in present]
        with self._timed("persist"):
            self._writer.add(position, places, [masks[place] for place in present])
        with self._timed("dedup"):
            thumbnails = self._state.size.shrink_all(masks[place] for place in present)
            self._state.dedup.keep(position, thumbnails)
            self._match.compare(places, thumbnails, self._state.seen.at(position))
            self._found.append((position, places, thumbnails))

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        begin = perf_counter()
        yield
        self._own[stage] += perf_counter() - begin
