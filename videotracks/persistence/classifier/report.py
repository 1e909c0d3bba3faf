"""What was measured of the classifier, as files, and what is expected of it."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel

from videotracks.json_models import read_model
from videotracks.persistence.classifier.calibration import Reliability
from videotracks.persistence.classifier.evaluation import CLASSIFIER, Evaluation, as_csv
from videotracks.persistence.classifier.experiment import Experiment
from videotracks.persistence.classifier.faithfulness import Faithfulness
from videotracks.persistence.classifier.importance import CHOSEN
from videotracks.persistence.classifier.pictures import draw_auroc_by_length, draw_reliability

ENTRY, TABLE, AUROC, RELIABILITY = (
    *("persistence_evaluation.json", "persistence_evaluation.csv"),
    *("auroc_matched.png", "reliability.png"),
)
#: Accuracy on classic tracks that is expected; from this many observations on, no baseline may come close.
CLASSIC_ACCURACY, LEAST_K = 0.95, 5


class Verdict(BaseModel, frozen=True):
    """One expectation, and whether it holds."""

    name: str
    passed: bool
    told: str


class Judged(BaseModel, frozen=True):
    """``persistence_evaluation.json``: all figures, and what they come to."""

    evaluation: Evaluation
    reliability: dict[str, Reliability]
    faithfulness: list[Faithfulness]
    verdicts: list[Verdict]

    @property
    def told(self) -> str:
        """All verdicts in one line."""
        return "; ".join(verdict.told for verdict in self.verdicts)


class Written(NamedTuple):
    """The files by name, and what the UI shows of them."""

    files: dict[str, Path]
    judged: Judged
    table: str
    auroc: np.ndarray
    reliability: np.ndarray


def write_evaluation(folder: Path, experiment: Experiment) -> Written:
    """Write the figures as JSON and CSV, and their pictures, into ``folder``."""
    from PIL import Image

    judged = Judged(
        evaluation=experiment.evaluation,
        reliability=experiment.reliability,
        faithfulness=experiment.faithfulness,
        verdicts=[*_accuracy(experiment.evaluation), *_lead(experiment.evaluation), *_faith(experiment.faithfulness)],
    )
    auroc = draw_auroc_by_length(experiment.evaluation, "matched")
    curve = draw_reliability(experiment.reliability)
    files = {name: folder / name for name in (ENTRY, TABLE, AUROC, RELIABILITY)}
    files[ENTRY].write_text(judged.model_dump_json(indent=1), encoding="utf-8")
    files[TABLE].write_text(as_csv(experiment.evaluation), encoding="utf-8")
    Image.fromarray(auroc).save(files[AUROC])
    Image.fromarray(curve).save(files[RELIABILITY])
    return Written(files, judged, _table(experiment.evaluation), auroc, curve)


def read_judged(path: Path) -> Judged:
    """Read the figures back; ``CorruptFileError`` where the file is none."""
    return read_model(path, Judged, "materialise persistence_evaluation again")


def _accuracy(evaluation: Evaluation) -> list[Verdict]:
    found = evaluation.find("classic", CLASSIFIER).accuracy.mean
    passed = found is not None and found > CLASSIC_ACCURACY
    return [Verdict(name="accurate_on_classic", passed=passed, told=f"accuracy on classic tracks {_share(found)}")]


def _lead(evaluation: Evaluation) -> list[Verdict]:
    leads = [lead for lead in evaluation.leads if lead.split == "matched" and (lead.k or 0) >= LEAST_K]
    ahead = [lead.k for lead in leads if lead.apart]
    every = all((lead.lead.mean or 0) > 0 for lead in evaluation.leads if lead.split == "matched")
    told = "; ".join(
        f"k = {lead.k}: {_share(evaluation.find('matched', CLASSIFIER, lead.k).auroc.mean)}, "
        f"{_share(lead.lead.mean)} above {lead.best_baseline}"
        for lead in leads
    )
    passed = bool(ahead) and len(ahead) == len(leads) and every
    return [Verdict(name="better_than_baselines", passed=passed, told=f"AUROC on matched tracks: {told}")]


def _faith(tests: list[Faithfulness]) -> list[Verdict]:
    chosen = next(test for test in tests if test.method == CHOSEN)
    said = "; ".join(chosen.reasons)
    told = f"{CHOSEN} is {'' if chosen.faithful else 'NOT '}a faithful explanation: {said}"
    return [Verdict(name="importance_is_faithful", passed=chosen.faithful, told=told)]


def _table(evaluation: Evaluation) -> str:
    """AUROC by method and observations on the matched test tracks, as Markdown."""
    rows = [row for row in evaluation.methods if row.split == "matched"]
    lengths = sorted({row.k for row in rows if row.k is not None})
    lines = [f"| method | {' | '.join(f'k = {k}' for k in lengths)} |", "|---" * (len(lengths) + 1) + "|"]
    for method in dict.fromkeys(row.method for row in rows):
        cells = [evaluation.find("matched", method, k).auroc for k in lengths]
        lines.append(
            f"| {method} | {' | '.join(f'{_share(c.mean)} ({_share(c.low)}–{_share(c.high)})' for c in cells)} |"
        )
    return "\n".join(lines)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
