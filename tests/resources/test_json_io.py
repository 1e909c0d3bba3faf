"""Pydantic models through the JSON IO manager."""

import json
import math

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, RootModel

from resources.io_managers.json import JsonIOManager, decode, encode
from tests.resources.runs import OTHER, VIDEO, Store, metadata_of, videos
from videotracks.errors import CorruptFileError


class Person(BaseModel, frozen=True):
    person_id: int
    score: float | None = None
    name: str = ""


class Ranking(RootModel[list[Person]]):
    pass


@dg.asset(partitions_def=videos, io_manager_key="json_io", metadata={"file": "ranking.json"})
def ranking(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Ranking]:
    persons = [Person(person_id=i, score=i / 3, name=context.partition_key) for i in range(3)]
    return dg.MaterializeResult(value=Ranking(persons))


@dg.asset(partitions_def=videos, io_manager_key="json_io", metadata={"file": "best.json"})
def best(ranking: Ranking) -> dg.MaterializeResult[Person]:
    return dg.MaterializeResult(value=max(ranking.root, key=lambda person: person.score or 0))


def test_a_model_comes_back_in_a_later_run(store: Store) -> None:
    for video in (VIDEO, OTHER):
        store.run(ranking, video=video)
    result = store.run(ranking, best, video=OTHER, select=["best"])
    assert result.output_for_node("best") == Person(person_id=2, score=2 / 3, name=OTHER)


def test_people_and_programs_can_read_the_file(store: Store) -> None:
    told = metadata_of(store.run(ranking), "ranking")
    text = store.file("ranking.json").read_text()
    assert text.startswith('[\n  {\n    "person_id": 0,\n')
    assert json.loads(text)[1]["name"] == VIDEO
    assert told["dagster/row_count"] == 3
    assert told["bytes"] == len(text)


scores = st.none() | st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.builds(Person, person_id=st.integers(), score=scores, name=st.text())))
def test_every_model_survives(persons: list[Person]) -> None:
    assert decode(encode(Ranking(persons)), Ranking, "r.json") == Ranking(persons)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_does_not_have_are_not_written(value: float) -> None:
    with pytest.raises(ValueError, match=r"cannot be stored as JSON: Person: .* is no JSON number"):
        encode(Person(person_id=1, score=value))


def test_the_words_nan_and_infinity_are_only_words() -> None:
    person = Person(person_id=1, name="NaN Infinity")
    assert decode(encode(person), Person, "p.json") == person


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not JSON of a Person"),
        (b'{"person_id": 1', "not JSON of a Person"),
        (b'{"person_id": 1} more', "not JSON of a Person"),
        (b"\xff\xfe{}", "not JSON of a Person"),
        (b'{"person_id": 1, "score": NaN}', "NaN is no JSON number"),
        (b'{"person_id": 1, "score": -Infinity}', "-Infinity is no JSON number"),
        (b'{"person_id": 1, "person_id": 2}', "a key is there twice"),
        (b"[" * 100_000, "not JSON of a Person"),
        (b'{"person_id": "1"}', "person_id: Input should be a valid integer"),
        (b"{}", "person_id: Field required"),
        (b"[]", "the document: "),
    ],
)
def test_refuses_what_is_not_exactly_the_model(data: bytes, message: str) -> None:
    with pytest.raises(CorruptFileError, match=rf"^p\.json: .*{message}"):
        decode(data, Person, "p.json")


@pytest.mark.parametrize("damage", [b"", b"[{", b"<html>", b'{"person_id": 1}'])
def test_a_damaged_input_says_what_to_materialise(store: Store, damage: bytes) -> None:
    store.run(ranking)
    store.file("ranking.json").write_bytes(damage)
    message = store.error(ranking, best, select=["best"])
    assert f"CorruptFileError: ranking of {VIDEO}: {store.file('ranking.json')}: not " in message
    assert f"`videotracks run {VIDEO} --select ranking`" in message


def test_a_missing_input_says_what_to_materialise(store: Store) -> None:
    assert f"`videotracks run {VIDEO} --select ranking`" in store.error(ranking, best, select=["best"])


def test_files_beyond_the_limit_are_neither_written_nor_read(local_store: Store) -> None:
    def run(max_bytes: int) -> None:
        resources = {"json_io": JsonIOManager(outputs=local_store.outputs, max_bytes=max_bytes)}
        dg.materialize([ranking, best], partition_key=VIDEO, instance=local_store.instance, resources=resources)

    with pytest.raises(ValueError, match="max_bytes allows 100"):
        run(max_bytes=100)
    local_store.run(ranking)
    local_store.file("ranking.json").write_text("[" + " " * 1000 + "]")
    with pytest.raises(CorruptFileError, match="max_bytes allows 500"):
        JsonIOManager(outputs=local_store.outputs, max_bytes=500).create_io_manager(None).read(
            Ranking, local_store.file("ranking.json")
        )


def test_a_value_that_is_no_model_is_refused(local_store: Store) -> None:
    @dg.asset(partitions_def=videos, io_manager_key="json_io", metadata={"file": "x.json"})
    def number() -> int:
        return 3

    assert "JsonIOManager stores BaseModel, got int" in local_store.error(number)
