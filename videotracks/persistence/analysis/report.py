"""The analysis as JSON and as a page of Markdown: statistics in tables, answers with their marks, what ran."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from videotracks.persistence.analysis.analysis import Analysis, Answered
from videotracks.persistence.analysis.grounding import MARK, marked, texts_of
from videotracks.persistence.analysis.statistics import FailureCase, GroupStatistics, Spread, Statistics

JSON_FILE, PAGE_FILE = "attention_analysis.json", "attention_analysis.md"

_GROUP_COLUMNS = (
    *("group", "tracks", "share", "duration, frames", "confidence", "attention of", "peak at", "peak at frame"),
    *("peak value", "× equal", "early", "middle", "late"),
)
_FAILURE_COLUMNS = (
    *("track", "source", "kind", "observations", "frames", "confidence", "peak at", "peak at frame", "peak value"),
    *("early", "middle", "late"),
)
_LISTS = {
    "insights": "Insights",
    "patterns_identified": "Patterns",
    "recommendations": "Recommendations",
    "questions": "Questions",
}
_LEGEND = """\
Mean ± standard deviation over the tracks of a group. *Attention of*: tracks of two observations and more; that of a \
single one is always 1. *Peak at*: middle of the most important observation, 0 the track's beginning, 1 its end; *at \
frame*: frames after its first. *Peak value*: its share of the attention; *× equal*: how many times an equal share. \
*Early, middle, late*: shares of the attention in the thirds of the observations."""


def write_analysis(folder: Path, analysis: Analysis) -> tuple[Path, Path]:
    """Write ``attention_analysis.json`` and ``attention_analysis.md`` into ``folder``; return their paths."""
    paths = folder / JSON_FILE, folder / PAGE_FILE
    paths[0].write_text(analysis.model_dump_json(indent=1) + "\n", encoding="utf-8")
    paths[1].write_text(page(analysis), encoding="utf-8")
    return paths


def page(analysis: Analysis) -> str:
    """The page of Markdown. Texts of files and of the model cannot form links, pictures or HTML in it."""
    parts = [f"# Attention analysis: {plain(analysis.subject)}", _status(analysis), "## Statistics", _LEGEND]
    parts += _statistics(analysis.statistics)
    if analysis.answers:
        parts += ["## What the model says", _numbers(analysis)]
        parts += [block for answered in analysis.answers for block in _answer(answered)]
    parts += ["## What ran", _what_ran(analysis)]
    return "\n\n".join(parts) + "\n"


def plain(text: str) -> str:
    """Text of others as one line of Markdown that shows it as it is."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return re.sub(r"://", r"\://", re.sub(r"([\\`*_\[\]<>|#!~&$])", r"\\\1", line))


def _sentence(text: str) -> str:
    return f"{plain(text).rstrip('.')}."


def _status(analysis: Analysis) -> str:
    if analysis.status == "answered":
        return "A language model was asked and answered all questions."
    told = "No model was asked" if analysis.status == "no model asked" else "**Asking the model failed**"
    return f"{told}: {_sentence(analysis.why)} The statistics are complete without it."


def _statistics(statistics: Statistics) -> Iterator[str]:
    found = statistics.outcomes
    if not statistics.overall.tracks:
        yield "There are no tracks."
        return
    rates = "accuracy", "precision", "recall"
    counts = [(name.replace("_", " "), str(value)) for name, value in found if name not in rates]
    yield _table(
        [name for name, _ in counts] + list(rates),
        [[c for _, c in counts] + [_number(getattr(found, r)) for r in rates]],
    )
    yield f"A track is kept from a confidence of {_number(statistics.decision_threshold)}."
    yield _table(_GROUP_COLUMNS, [_group("all", statistics.overall)])
    for title, groups in (
        ("By class", statistics.by_class),
        ("By kind", statistics.by_kind),
        ("By outcome", statistics.by_outcome),
    ):
        if groups:
            yield f"### {title}"
            yield _table(_GROUP_COLUMNS, [_group(name, group) for name, group in groups.items()])
    for title, cases in (
        ("First false positives", statistics.first_false_positives),
        ("First false negatives", statistics.first_false_negatives),
    ):
        if cases:
            yield f"### {title}"
            yield _table(_FAILURE_COLUMNS, [_failure(case) for case in cases])


def _group(name: str, group: GroupStatistics) -> list[str]:
    attention = group.attention
    thirds = [_number(share) for share in (attention.early, attention.middle, attention.late)]
    peak = attention.peak_position, attention.peak_frame, attention.peak_value, attention.peak_to_uniform
    return [
        *(plain(name), str(group.tracks), _number(group.share), _spread(group.duration_frames)),
        *(_spread(group.confidence), str(attention.tracks), *map(_spread, peak), *thirds),
    ]


def _failure(case: FailureCase) -> list[str]:
    place = "–" if case.peak_frame is None else str(case.peak_frame)
    return [
        *(str(case.track_id), plain(case.source), plain(case.kind), str(case.observations), str(case.duration_frames)),
        *(_number(case.confidence), _number(case.peak_position), place, _number(case.peak_value)),
        *map(_number, (case.early, case.middle, case.late)),
    ]


def _spread(spread: Spread) -> str:
    return "–" if spread.mean is None else f"{_number(spread.mean)} ± {_number(spread.std)}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _numbers(analysis: Analysis) -> str:
    checked, lost = analysis.numbers_checked, analysis.numbers_not_found
    found = f"{checked} numbers quoted, {lost} of them not in the statistics"
    how = f"marked “{MARK}”" if lost else "none is marked"
    meaning = (
        "A number without a mark stands somewhere in the statistics; whether it was said of the right thing is not"
    )
    return f"{found}: {how}. {meaning} checked."


def _answer(answered: Answered) -> Iterator[str]:
    yield f"### {answered.topic.capitalize()}"
    if answered.answer is None:
        yield f"{answered.status.capitalize()}: {_sentence(answered.why)}"
        return
    shown = {
        field: plain(marked(text, [n for n in answered.numbers if n.field == field]))
        for field, text in texts_of(answered.answer)
    }
    yield shown.pop("summary")
    for name, title in _LISTS.items():
        items = [text for field, text in shown.items() if field.startswith(f"{name}.")]
        if items:
            yield f"**{title}**"
            yield "\n".join(f"- {text}" for text in items)


def _what_ran(analysis: Analysis) -> str:
    usage = analysis.usage
    told = {
        **analysis.asked,
        "answered by": ", ".join(sorted({a.model for a in analysis.answers if a.model})) or "–",
        "attempts": str(usage.attempts),
        "prompt tokens": "unknown" if usage.prompt_tokens is None else str(usage.prompt_tokens),
        "answer tokens": "unknown" if usage.answer_tokens is None else str(usage.answer_tokens),
        "cost": "unknown" if usage.cost is None else f"{usage.cost:.4f} in the currency of the prices",
    }
    names = analysis.asked if analysis.status == "no model asked" else told
    return _table(("what", ""), [(name, plain(told[name])) for name in names])
