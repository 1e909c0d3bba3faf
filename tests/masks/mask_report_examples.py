"""A small view with three levels, drawn and reported as a whole."""

from pathlib import Path

from tests.masks.comparison.comparison_examples import FRAMES, WIDTH, archive, candidates, rectangle, video
from videotracks.masks.comparison.view import ComparisonSettings, LevelInputs, draw_comparisons
from videotracks.masks.hierarchy.tree import HierarchySettings, build_hierarchy
from videotracks.masks.report.data import LevelReport, MaskReport, build_mask_report

COUNTS = {"candidates": 1234, "prompts": 5, "duplicates": 2}
SECONDS = {"decode": 1.0, "prompt": 0.5, "propagate": 2.5}
#: Frames in which the object of the fine level is away.
AWAY = range(8, 12)


def masks_of(level: int) -> dict:
    """Level 2: a walker and a wall. Level 4: the walker's upper half. Level 6: something in there, and one apart."""
    seen: dict[int, dict[int, object]] = {}
    for f in range(FRAMES):
        x = 10 + 4 * f
        boxes = {
            2: {1: (x, 10, 40, 60), 2: (0, 84, WIDTH, 12)},
            4: {1: (x, 10, 40, 30)},
            6: {3: (x + 4, 14, 16, 12), 9: (140, 60, 16, 16)},
        }[level]
        seen[f] = {i: rectangle(box) for i, box in boxes.items() if not (i == 3 and f in AWAY)}
    return seen


def report_of(folder: Path, name: str = "clip.mp4", levels: tuple[int, ...] = (2, 4, 6)) -> MaskReport:
    """The report of a view, with its pictures and its video in ``folder``."""
    path, recording = video(folder)
    readers = {level: archive(folder / f"{level}.npz", level, masks_of(level)) for level in levels}
    proposed = {0: {"seg_00001": rectangle((10, 10, 40, 60))}, 10: {"gap_00001": rectangle((0, 0, 9, 9))}}
    inputs = {
        level: LevelInputs(candidates(level, proposed), readers[level], folder / f"level_{level}" / "viz" / "compare")
        for level in levels
    }
    settings = ComparisonSettings(panel_width=160, max_frames=4)
    film = folder / "masks.mp4" if levels else None
    summaries = draw_comparisons(recording.views[0], path, inputs, settings, video=film)
    hierarchy = build_hierarchy(readers, HierarchySettings())
    told = {level: LevelReport(COUNTS, SECONDS, summaries[level], f"level_{level}/viz/compare") for level in levels}
    named = recording.model_copy(update={"name": name})
    return build_mask_report(named, 0, told, hierarchy, film and film.name, {"segmenter": {"backend": "by hand"}})
