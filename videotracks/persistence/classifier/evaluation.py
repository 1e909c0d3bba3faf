"""How well the classifier and the baselines tell things from the rest, by the length of what they saw.

Intervals come from a bootstrap over scenes, because the tracks of one scene are not independent: each resample draws
as many scenes as there are, with replacement, the same ones for every method, so that methods are compared in pairs.
"""

import csv
import io
from collections.abc import Iterator, Mapping

import numpy as np
from pydantic import BaseModel, Field

from videotracks.persistence.classifier.auroc import weighted_auroc
from videotracks.persistence.classifier.baselines import Scores
from videotracks.persistence.classifier.samples import Samples
from videotracks.progress import Progress, silent

#: The name of the classifier among the methods.
CLASSIFIER = "attention classifier"


class EvaluationSettings(BaseModel, frozen=True, extra="forbid"):
    """How sure the figures are to be."""

    seeds: int = Field(default=5, ge=1, le=100, description="trainings of the classifier and of each baseline")
    resamples: int = Field(default=1000, ge=10, le=100_000, description="resamples of the scenes behind each interval")
    coverage: float = Field(default=0.95, gt=0, lt=1, description="share of the resamples inside an interval")
    seed: int = Field(default=0, ge=0, description="of the resamples")


class Figure(BaseModel, frozen=True):
    """A mean over seeds and its interval; empty where a class is missing."""

    mean: float | None
    low: float | None
    high: float | None


class MethodAtLength(BaseModel, frozen=True):
    """One method on the tracks of one split that were cut after ``k`` observations; all of them where it is empty."""

    split: str
    method: str
    k: int | None
    tracks: int
    auroc: Figure
    accuracy: Figure
    auroc_by_seed: list[float | None]


class Lead(BaseModel, frozen=True):
    """The AUROC of the classifier less that of the best baseline, on the same resamples."""

    split: str
    k: int | None
    best_baseline: str
    lead: Figure
    apart: bool = Field(description="the interval of the classifier lies above that of every baseline")


class Evaluation(BaseModel, frozen=True):
    """All figures."""

    settings: EvaluationSettings
    methods: list[MethodAtLength]
    leads: list[Lead]

    def find(self, split: str, method: str, k: int | None = None) -> MethodAtLength:
        """One row; ``KeyError`` where there is none."""
        for row in self.methods:
            if (row.split, row.method, row.k) == (split, method, k):
                return row
        raise KeyError(f"no figures of {method!r} on {split!r} at k = {k}")


def evaluate(
    splits: Mapping[str, Samples],
    scores: Mapping[str, Mapping[str, Scores]],
    settings: EvaluationSettings,
    progress: Progress = silent,
) -> Evaluation:
    """AUROC and accuracy of every method by split and length, the classifier's (``CLASSIFIER``) against the others'.

    ``scores`` holds those of each split, by method. ``progress`` counts methods times splits.
    """
    methods: list[MethodAtLength] = []
    leads: list[Lead] = []
    done, total = 0, sum(len(by_method) for by_method in scores.values())
    for split, samples in splits.items():
        draws = _draws(samples.scene, settings)
        lengths = [None, *np.unique(samples.k).tolist()]
        resampled: dict[int | None, dict[str, np.ndarray]] = {k: {} for k in lengths}
        for method, found in scores[split].items():
            for k in lengths:
                rows = np.arange(len(samples.k)) if k is None else np.flatnonzero(samples.k == k)
                row, again = _judge(split, method, k, samples.label[rows], _at(found, rows), draws[:, rows], settings)
                methods.append(row)
                resampled[k][method] = again
            done += 1
            progress(done, total)
        leads += _leads(split, resampled, methods, settings)
    return Evaluation(settings=settings, methods=methods, leads=leads)


def as_csv(evaluation: Evaluation) -> str:
    """One line for each method, split and length, with a head."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    figures = [f"{name}{part}" for name in ("auroc", "accuracy") for part in ("", "_low", "_high")]
    writer.writerow(["split", "method", "k", "tracks", *figures])
    for row in evaluation.methods:
        numbers = [value for each in (row.auroc, row.accuracy) for value in (each.mean, each.low, each.high)]
        shown = ["" if value is None else f"{value:.4f}" for value in numbers]
        writer.writerow([row.split, row.method, "all" if row.k is None else row.k, row.tracks, *shown])
    return text.getvalue()


def _draws(scenes: np.ndarray, settings: EvaluationSettings) -> np.ndarray:
    """How often each track is in each resample, i2[1 + resamples, N]; the first is the tracks as they are."""
    names, at = np.unique(scenes, return_inverse=True)
    random = np.random.default_rng(settings.seed)
    drawn = random.multinomial(len(names), np.full(len(names), 1 / max(len(names), 1)), size=settings.resamples)
    return np.concatenate([np.ones((1, len(at)), "i2"), drawn.astype("i2")[:, at]])


def _at(scores: Scores, rows: np.ndarray) -> Scores:
    return Scores(scores.scores[:, rows], scores.thresholds)


def _judge(
    split: str,
    method: str,
    k: int | None,
    labels: np.ndarray,
    scores: Scores,
    draws: np.ndarray,
    settings: EvaluationSettings,
) -> tuple[MethodAtLength, np.ndarray]:
    """The figures of one method, and its AUROC in every resample, f8[1 + resamples], mean over seeds."""
    aurocs = np.stack([weighted_auroc(labels, run, draws) for run in scores.scores])
    right = ((scores.scores > scores.thresholds[:, None]) == (labels == 1)).mean(axis=0)
    sizes = draws.sum(axis=1)
    accuracy = np.divide(draws @ right, sizes, out=np.full(len(draws), np.nan), where=sizes > 0)
    mean = aurocs.mean(axis=0)
    row = MethodAtLength(
        split=split,
        method=method,
        k=k,
        tracks=len(labels),
        auroc=_figure(mean, settings),
        accuracy=_figure(accuracy, settings),
        auroc_by_seed=[_number(value) for value in aurocs[:, 0]],
    )
    return row, mean


def _leads(
    split: str,
    resampled: Mapping[int | None, Mapping[str, np.ndarray]],
    methods: list[MethodAtLength],
    settings: EvaluationSettings,
) -> Iterator[Lead]:
    """The classifier against the best baseline at each length where both have figures."""
    for k, by_method in resampled.items():
        rows = {row.method: row for row in methods if row.split == split and row.k == k and row.auroc.mean is not None}
        own = rows.pop(CLASSIFIER, None)
        if own is None or not rows:
            continue
        best = max(rows, key=lambda name: rows[name].auroc.mean or 0)
        highest = max(row.auroc.high or 0 for row in rows.values())
        lead = _figure(by_method[CLASSIFIER] - by_method[best], settings)
        yield Lead(split=split, k=k, best_baseline=best, lead=lead, apart=bool((own.auroc.low or 0) > highest))


def _figure(values: np.ndarray, settings: EvaluationSettings) -> Figure:
    """The value of the tracks as they are, and the percentile interval of the resamples."""
    if not np.isfinite(values[0]):
        return Figure(mean=None, low=None, high=None)
    rest = values[1:][np.isfinite(values[1:])]
    tail = (1 - settings.coverage) / 2
    low, high = np.quantile(rest, [tail, 1 - tail]) if len(rest) else (values[0], values[0])
    return Figure(mean=float(values[0]), low=float(low), high=float(high))


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
