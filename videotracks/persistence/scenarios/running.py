"""All scenarios over many seeds."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from videotracks.persistence.generator.scene import Counts, Scene, SceneSettings, generate_scene
from videotracks.persistence.scenarios.results import Interval, Name, ScenarioResult, ScenarioResults, ScenarioSettings
from videotracks.persistence.scenarios.scene_scores import SceneScore, score_scene
from videotracks.persistence.triangulation.integrated import TrackFilter
from videotracks.progress import Progress, silent

#: True objects, and false tracks in each of the two cameras.
SCENARIOS: Mapping[Name, Counts] = {
    "clean": Counts(2, (0, 0)),
    "cluttered": Counts(5, (10, 10)),
    "noisy": Counts(3, (20, 20)),
}
#: Told of every scene as it is done: its scenario, the scene and its score.
Listener = Callable[[Name, Scene, SceneScore], None]


def scenario_scene(name: Name, seed: int) -> Scene:
    """One scene of a scenario: things and false tracks of the ``classic`` ranges."""
    return generate_scene(seed, SceneSettings(ranges="classic"), SCENARIOS[name])


def run_scenarios(
    track_filter: TrackFilter,
    provenance: Mapping[str, str],
    settings: ScenarioSettings,
    *,
    listener: Listener | None = None,
    progress: Progress = silent,
) -> ScenarioResults:
    """Run every scenario with and without the filter; ``progress`` counts scenes. Scenes are held one at a time."""
    results, total = [], settings.seeds * len(SCENARIOS)
    for number, name in enumerate(SCENARIOS):
        scores = []
        for seed in range(settings.first_seed, settings.first_seed + settings.seeds):
            scene = scenario_scene(name, seed)
            score = score_scene(scene, track_filter, settings.spurious_m)
            scores.append(_counted(score))
            if listener is not None:
                listener(name, scene, score)
            progress(number * settings.seeds + len(scores), total)
        results.append(_result(name, np.array(scores), settings))
    return ScenarioResults(settings=settings, filter=dict(provenance), scenarios=results)


#: The columns of ``_counted``.
_COLUMNS = (
    *("tracks", "true", "kept", "true_kept", "points_before", "points_after"),
    *("spurious_before", "spurious_after", "error_before", "error_after"),
)


def _counted(score: SceneScore) -> list[float]:
    """What remains of a scene: counts, and the median errors in m."""
    true = score.labels == 1
    clouds = (score.before, score.after)
    return [
        *(len(true), true.sum(), score.kept.sum(), (score.kept & true).sum()),
        *(len(cloud.objects) for cloud in clouds),
        *(cloud.spurious.sum() for cloud in clouds),
        *_errors(score),
    ]


def _errors(score: SceneScore) -> Iterator[float]:
    """Median distance from the true objects that both clouds hold, before and after, m; NaN without any."""
    both = np.intersect1d(score.before.objects, score.after.objects)
    for cloud in (score.before, score.after):
        errors = cloud.errors_m[np.isin(cloud.objects, both) & ~cloud.spurious]
        yield float(np.median(errors)) if len(errors) else np.nan


def _result(name: Name, scores: np.ndarray, settings: ScenarioSettings) -> ScenarioResult:
    column = dict(zip(_COLUMNS, scores.T, strict=True))
    random = np.random.default_rng(settings.first_seed)
    # The first draw is the scenes as they are.
    draws = np.vstack([np.arange(len(scores)), random.integers(len(scores), size=(settings.resamples, len(scores)))])

    def ratio(part: Sequence[float] | np.ndarray, whole: np.ndarray) -> Interval:
        sums = np.asarray(part, "f8")[draws].sum(axis=1), whole[draws].sum(axis=1)
        return _interval(np.divide(*sums, out=np.full(len(draws), np.nan), where=sums[1] > 0), settings)

    def mean(values: np.ndarray) -> Interval:
        there = np.isfinite(values)
        return ratio(np.where(there, values, 0), there)

    return ScenarioResult(
        name=name,
        scenes=len(scores),
        tracks=int(column["tracks"].sum()),
        true_tracks=int(column["true"].sum()),
        **{
            count: int(column[count].sum())
            for count in ("points_before", "points_after", "spurious_before", "spurious_after")
        },
        kept=ratio(column["kept"], column["tracks"]),
        filtered=ratio(column["tracks"] - column["kept"], column["tracks"]),
        precision=ratio(column["true_kept"], column["kept"]),
        recall=ratio(column["true_kept"], column["true"]),
        point_reduction=ratio(column["points_before"] - column["points_after"], column["points_before"]),
        spurious_reduction=ratio(column["spurious_before"] - column["spurious_after"], column["spurious_before"]),
        error_before_m=mean(column["error_before"]),
        error_after_m=mean(column["error_after"]),
    )


def _interval(values: np.ndarray, settings: ScenarioSettings) -> Interval:
    """The first value, and the percentile interval of the others."""
    if not np.isfinite(values[0]):
        return Interval(value=None, low=None, high=None)
    tail = (1 - settings.coverage) / 2
    low, high = np.nanquantile(values[1:], [tail, 1 - tail])
    return Interval(value=float(values[0]), low=float(low), high=float(high))
