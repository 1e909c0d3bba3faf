"""The language model as a resource: none by default, its key from the environment, read only when asked for."""

import dagster as dg
import pytest

from resources.language_model import LanguageModel
from videotracks.errors import ModelError
from videotracks.persistence.analysis.asking import LanguageModelClient, NoModel

KEY = "sk-test-0123456789abcdefXYZ"


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def test_none_is_asked_by_default_even_where_there_is_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert isinstance(LanguageModel().load(), NoModel)
    assert LanguageModel().provenance()["backend"] == "none"


def test_without_a_key_none_is_asked_and_the_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in (None, "", " \n"):
        if key is not None:
            monkeypatch.setenv("OPENAI_API_KEY", key)
        found = LanguageModel(kind="openai", model="m").load()
        assert isinstance(found, NoModel)
        assert "OPENAI_API_KEY holds no key" in found.why


def test_the_key_of_the_named_variable_is_used_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_KEY", f"{KEY}\n")
    model = LanguageModel(kind="openai", model="m", key_variable="OTHER_KEY", base_url="http://127.0.0.1:1/v1")
    assert isinstance(model.load(), LanguageModelClient)
    assert model.load() is model.load()
    assert model.provenance()["model"] == "m"
    for shown in (repr(model), str(model), model.model_dump_json(), repr(model.load()), str(model.provenance())):
        assert KEY not in shown


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"model": ""}, "language_model.model"),
        ({"base_url": f"https://u:{KEY}@host/v1"}, "language_model.base_url"),
        ({"timeout_s": 0.0}, "language_model.timeout_s"),
        ({"key_variable": KEY}, "language_model.key_variable"),
        ({"key_variable": "gsk_0123abcd"}, "language_model.key_variable"),
    ],
)
def test_settings_that_cannot_work_are_named_without_what_they_hold(changed, said: str) -> None:
    with pytest.raises(ModelError, match=said) as raised:
        LanguageModel(**{"kind": "openai", "model": "m", **changed}).load()
    assert KEY not in str(raised.value)
    assert "gsk_" not in str(raised.value)


def test_a_key_that_cannot_be_sent_is_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY} {KEY}")
    with pytest.raises(ModelError, match="OPENAI_API_KEY") as raised:
        LanguageModel(kind="openai", model="m").load()
    assert KEY not in str(raised.value)
    assert raised.value.__cause__ is None


def test_an_asset_gets_it_as_a_resource() -> None:
    @dg.asset
    def asked(language_model: LanguageModel) -> dict[str, str]:
        return language_model.provenance()

    result = dg.materialize([asked], resources={"language_model": LanguageModel()})
    assert result.output_for_node("asked")["backend"] == "none"
