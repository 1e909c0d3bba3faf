"""The page and the JSON: statistics always, answers with marks, and nothing of others that acts."""

import json
import re

import pytest
from pydantic import SecretStr

from tests.persistence.analysis.api_server import answer, api_server, completion, error
from tests.persistence.analysis.decided_examples import decided, some_tracks
from videotracks.persistence.analysis.analysis import Analysis, analyse
from videotracks.persistence.analysis.asking import AskingSettings, LanguageModelClient, NoModel
from videotracks.persistence.analysis.grounding import MARK
from videotracks.persistence.analysis.report import page, plain, write_analysis
from videotracks.persistence.analysis.statistics import statistics_of

KEY = "sk-test-0123456789abcdefXYZ"
pytestmark = pytest.mark.usefixtures("own_server_only")


def analysed(*script, tracks=None) -> Analysis:
    prices = {"price_per_million_prompt_tokens": 2, "price_per_million_answer_tokens": 10}
    with api_server(*script) as server:
        settings = AskingSettings(base_url=server.url, model="m", timeout_s=5, max_retries=0, **prices)
        model = LanguageModelClient(settings, SecretStr(KEY), wait=lambda _: None)
        return analyse("a-video", statistics_of(tracks or some_tracks()), model)


def test_without_a_model_the_page_has_the_statistics_and_says_so() -> None:
    text = page(analyse("a-video", statistics_of(some_tracks()), NoModel("no key is set")))
    assert "No model was asked: no key is set." in text
    assert "| 3 | 1 | 2 | 2 | 0 | 0 | 0.625 | 0.75 | 0.6 |" in text
    assert "| 4 | scene 4 | glare | 2 | 2 | 0.75 | 0.75 | 1 | 0.75 |" in text
    assert "What the model says" not in text


def test_no_tracks_make_a_page() -> None:
    assert "There are no tracks." in page(analyse("a-video", statistics_of([]), NoModel("none")))


def test_answers_stand_with_their_marks_and_what_they_cost() -> None:
    text = page(analysed(completion(answer(summary="62.5 % right", insights=["97 % of glare found"]))))
    assert "62.5 % right\n" in text
    assert f"- 97 % ({MARK}) of glare found" in text
    assert "6 numbers quoted, 3 of them not in the statistics" in text
    assert "| cost | 0.0120 in the currency of the prices |" in text
    assert "| answered by | served-model |" in text


def test_a_failure_is_told_beside_the_whole_statistics() -> None:
    text = page(analysed(error(500, "out of order")))
    assert "**Asking the model failed**: patterns: the server answered 500: out of order." in text
    assert "| 3 | 1 | 2 | 2 | 0 | 0 | 0.625 | 0.75 | 0.6 |" in text
    assert "Not asked: after: the server answered 500" in text


def test_texts_of_others_show_as_they_are() -> None:
    assert plain("![x](https://evil/?q=1)\n# <b>|`*_") == r"\!\[x\](https\://evil/?q=1) \# \<b\>\|\`\*\_"
    hidden = "![a](http://e/)|<script>\n## B"
    tracks = [decided([0.5, 0.5], True, 0, kind=hidden, source=hidden), *some_tracks()]
    text = page(analysed(completion(answer(summary=hidden, insights=[hidden])), tracks=tracks))
    assert not re.search(r"!\[|(?<!\\)<script|^## B|http://e", text, re.MULTILINE)
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace(r"\|", "").count("|") for line in tables} <= {3, 10, 13, 14}


def test_writes_both_files_without_the_key(tmp_path) -> None:
    echo = completion(answer(summary=f"The key is {KEY}", insights=[KEY]), model=KEY)
    for script in ([echo], [error(401, f"bad key {KEY}")]):
        paths = write_analysis(tmp_path, analysed(*script))
        assert [p.name for p in paths] == ["attention_analysis.json", "attention_analysis.md"]
        for path in paths:
            written = path.read_text(encoding="utf-8")
            assert not any(KEY[i : i + 8] in written for i in range(len(KEY) - 7))
        assert json.loads(paths[0].read_text())["statistics"]["outcomes"]["accuracy"] == 0.625
