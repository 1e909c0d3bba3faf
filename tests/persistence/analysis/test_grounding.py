"""Numbers that an answer quotes: found as they stand, rounded or as percentages, and marked where not."""

import json

import pytest

from tests.persistence.analysis.api_server import answer
from tests.persistence.analysis.decided_examples import decided, some_tracks
from videotracks.persistence.analysis.grounding import MARK, marked, quoted_numbers
from videotracks.persistence.analysis.questions import QUESTIONS, Answer, read_answer
from videotracks.persistence.analysis.statistics import statistics_of

STATISTICS = statistics_of(some_tracks())


def answered(text: str) -> Answer:
    return read_answer(answer(summary=text, insights=[text]), QUESTIONS[0])


def lost(text: str, statistics=STATISTICS) -> list[str]:
    return [q.text for q in quoted_numbers(answered(text), statistics) if q.found_at is None and q.field == "summary"]


@pytest.mark.parametrize(
    "text",
    [
        "accuracy 0.625",
        "accuracy 0.62 or 0.63, both rounded",
        "62.5 % were right",
        "62.5% were right",
        "63 percent, or 62.5 per cent",
        "between 62.5 and 75 %, that is 62.5-75%",
        "8 tracks, 5 of them things",
        "8.0 tracks",
        "The peak lies at 0.167.",
        "At .167 of the track (about 17 %).",
        "things last 3.8 ± 0.98 frames, 4 frames rounded",
        "precision/recall: 0.75/0.6",
        "in 3D, from cam_00, with SAM2 and by F1",
        "3. The third point of a list",
        "no numbers, two thirds, none",
    ],
)
def test_finds_what_stands_in_the_statistics(text: str) -> None:
    assert lost(text) == []


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("accuracy 0.97", ["0.97"]),
        ("accuracy 0.64", ["0.64"]),
        ("accuracy 0.626", ["0.626"]),
        ("97 % were right", ["97 %"]),
        ("98 % were right", ["98 %"]),  # 0.98 is a spread in frames
        ("-0.625", ["-0.625"]),
        ("12,345 tracks, 1e999 tracks", ["12,345", "1e999"]),
        ("800 % of 0.625", ["800 %"]),
        ("80-90 %", ["80", "90 %"]),
        ("99px, 9.5x and track-77", ["99", "9.5", "77"]),
        ("0.625, then 0.41.", ["0.41"]),
    ],
)
def test_marks_what_does_not(text: str, numbers: list[str]) -> None:
    assert lost(text) == numbers


def test_rounding_must_leave_a_digit() -> None:
    tracks = [decided([0.4, 0.3, 0.3], True, 1, track_id=7, confidence=0.875)] * 4
    found = statistics_of(tracks)
    assert "0.4" not in lost("0.4", found)
    assert lost("9 and 2", found) == ["9", "2"]  # 0.875 is no 1, 0.3 no 0, and nothing here rounds to 9 or 2


def test_digits_in_names_ground_nothing() -> None:
    tracks = [decided([0.25, 0.75], True, 0, kind="accuracy 99.9 %", source="says 99.9")]
    assert lost("accuracy 99.9 %, that is 99.9", statistics_of(tracks)) == ["99.9 %", "99.9"]


def test_says_where_a_number_stands() -> None:
    found = quoted_numbers(answered("recall 0.6"), STATISTICS)
    assert [(q.field, q.found_at) for q in found[:2]] == [
        ("summary", "outcomes.recall"),
        ("insights.0", "outcomes.recall"),
    ]


def test_the_mark_stands_behind_the_number() -> None:
    text = "recall 0.6, accuracy 97 %; 0.31 late"
    numbers = [q for q in quoted_numbers(answered(text), STATISTICS) if q.field == "summary"]
    assert marked(text, numbers) == f"recall 0.6, accuracy 97 % ({MARK}); 0.31 ({MARK}) late"


def test_numbers_of_every_field_are_checked() -> None:
    said = json.loads(answer())
    for i, name in enumerate(said):
        said[name] = f"{i + 1}0.77" if name == "summary" else ["5 things", f"{i + 1}0.77"] * 3
    found = quoted_numbers(read_answer(json.dumps(said), QUESTIONS[2]), STATISTICS)
    assert {q.field.split(".")[0] for q in found if q.found_at is None} == set(Answer.model_fields)
