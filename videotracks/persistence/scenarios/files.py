"""Scenarios as files: results, page, and statistics of the attention."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from videotracks.json_models import read_model
from videotracks.persistence.analysis.decided import DecidedTrack
from videotracks.persistence.analysis.statistics import Statistics, statistics_of
from videotracks.persistence.generator.scene import Scene
from videotracks.persistence.scenarios.page import Examples, write_scenario_page
from videotracks.persistence.scenarios.results import (
    Expectations,
    Judged,
    Name,
    ScenarioResults,
    ScenarioSettings,
    judge,
)
from videotracks.persistence.scenarios.running import run_scenarios
from videotracks.persistence.scenarios.scene_scores import SceneScore
from videotracks.persistence.triangulation.integrated import TrackFilter
from videotracks.progress import Progress, silent

RESULTS, PAGE, ATTENTION = "all_scenarios_results.json", "scenarios.html", "scenario_attention.json"


class Written(NamedTuple):
    """The files by name, and what they hold."""

    files: dict[str, Path]
    results: ScenarioResults
    judged: list[Judged]
    examples: Examples


def write_scenarios(
    folder: Path,
    track_filter: TrackFilter,
    provenance: Mapping[str, str],
    settings: ScenarioSettings,
    wanted: Expectations,
    progress: Progress = silent,
) -> Written:
    """Run all scenarios, and write results, page and the statistics of the attention into ``folder``."""
    examples, decided = Examples(), list[DecidedTrack]()

    def listen(name: Name, scene: Scene, score: SceneScore) -> None:
        examples(name, scene, score)
        decided.extend(_decided(name, scene, score))

    results = run_scenarios(track_filter, provenance, settings, listener=listen, progress=progress)
    judged = judge(results, wanted)
    files = {name: folder / name for name in (RESULTS, PAGE, ATTENTION)}
    files[RESULTS].write_text(results.model_dump_json(indent=1), encoding="utf-8")
    files[ATTENTION].write_text(statistics_of(decided).model_dump_json(indent=1), encoding="utf-8")
    write_scenario_page(files[PAGE], results, judged, examples.found)
    return Written(files, results, judged, examples)


def read_attention(path: Path) -> Statistics:
    """Read the statistics of the attention back; ``CorruptFileError`` where the file holds none."""
    return read_model(path, Statistics, "materialise scenario_results again")


def read_results(path: Path) -> ScenarioResults:
    """Read the results back; ``CorruptFileError`` where the file holds none."""
    return read_model(path, ScenarioResults, "materialise scenario_results again")


def _decided(name: Name, scene: Scene, score: SceneScore) -> list[DecidedTrack]:
    return [
        DecidedTrack(
            track_id=made.track.track_id,
            observations=len(made.track),
            duration_frames=int(made.track.frame_numbers[-1] - made.track.frame_numbers[0]) + 1,
            confidence=said.confidence,
            is_persistent=said.is_persistent,
            importance=said.importance,
            frame_numbers=made.track.frame_numbers,
            label=made.label,
            kind=made.kind,
            source=f"{name}, scene {scene.seed}, camera {made.track.camera}",
        )
        for made, said in zip(score.tracks, score.decisions, strict=True)
    ]
