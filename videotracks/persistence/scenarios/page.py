"""The scenario page: figures with intervals, and the reconstruction before and after the filter."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from videotracks.pages.page import render_page
from videotracks.persistence.generator.scene import Scene
from videotracks.persistence.scenarios.pictures import draw_cloud, draw_view
from videotracks.persistence.scenarios.results import Judged, Name, ScenarioResults
from videotracks.persistence.scenarios.scene_scores import SceneScore

if TYPE_CHECKING:
    from PIL.Image import Image

_HERE = Path(__file__).parent
#: What each scenario is, in words.
WORDS: Mapping[Name, str] = {
    "clean": "two things, nothing else",
    "cluttered": "five things, and ten reflections, glints and false alarms in each camera",
    "noisy": "three things, and twenty reflections, glints and false alarms in each camera",
}


class Example(NamedTuple):
    """One scene of a scenario to look at."""

    seed: int
    spurious: int
    before: bytes  # PNG
    after: bytes
    view: bytes


class Examples:
    """Keeps, of each scenario, the scene with the most spurious points; the first of equal ones."""

    def __init__(self) -> None:
        self.found: dict[Name, Example] = {}

    def __call__(self, name: Name, scene: Scene, score: SceneScore) -> None:
        """Look at a scene (``running.Listener``)."""
        spurious = int(score.before.spurious.sum())
        if name not in self.found or spurious > self.found[name].spurious:
            self.found[name] = Example(
                scene.seed,
                spurious,
                _png(draw_cloud(scene, score.before, "without the filter")),
                _png(draw_cloud(scene, score.after, "with the filter")),
                _png(draw_view(scene, score, 0)),
            )


def write_scenario_page(
    path: Path, results: ScenarioResults, judged: Sequence[Judged], examples: Mapping[Name, Example]
) -> None:
    """Write the page: one HTML file that opens from disk and loads nothing from anywhere."""
    page = render_page(
        _HERE,
        "scenarios.html",
        styles=["scenarios.css"],
        results=results,
        judged=judged,
        examples=examples,
        words=WORDS,
    )
    path.write_text(page, encoding="utf-8")


def _png(picture: "Image") -> bytes:
    data = io.BytesIO()
    picture.save(data, "PNG", optimize=True)
    return data.getvalue()
