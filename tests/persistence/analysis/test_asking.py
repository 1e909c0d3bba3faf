"""Asking over a socket: what is sent, what is tried again, and what is told where nothing helps."""

import email.utils
import json
import time

import pytest
from pydantic import SecretStr, ValidationError

from tests.persistence.analysis.api_server import Says, answer, api_server, completion, error
from videotracks.persistence.analysis.asking import AskingSettings, LanguageModelClient, NoModel, Usage
from videotracks.persistence.analysis.completion import MAX_ANSWER_BYTES
from videotracks.persistence.analysis.questions import QUESTIONS

KEY = "sk-test-0123456789abcdefXYZ"
PATTERNS, _, RESEARCH = QUESTIONS
PRICES = {"price_per_million_prompt_tokens": 2.0, "price_per_million_answer_tokens": 10.0}
pytestmark = pytest.mark.usefixtures("own_server_only")


def client_of(url: str, waits: list[float] | None = None, **changed) -> LanguageModelClient:
    settings = AskingSettings(**{"base_url": url, "model": "some-model", "timeout_s": 5, **changed})
    return LanguageModelClient(settings, SecretStr(KEY), wait=(waits if waits is not None else []).append)


def ask(*script: Says, question=PATTERNS, **changed):
    """The reply, the waits before further attempts, and the requests that the server heard."""
    waits: list[float] = []
    with api_server(*script) as server:
        reply = client_of(server.url, waits, **changed).ask(question, '{"statistics": {}}')
    return reply, waits, server.heard


def test_sends_instructions_data_schema_and_key_and_reads_the_answer() -> None:
    reply, waits, (heard,) = ask(completion(answer()), **PRICES)
    assert reply.answer.summary == "Things last longer."
    assert (reply.why, reply.model, waits) == ("", "served-model", [])
    assert reply.usage == Usage(attempts=1, prompt_tokens=1000, answer_tokens=200, cost=0.004)
    assert heard.path == "/v1/chat/completions"
    assert heard.headers["authorization"] == f"Bearer {KEY}"
    assert [m["role"] for m in heard.body["messages"]] == ["system", "user"]
    assert heard.body["messages"][1]["content"] == '{"statistics": {}}'
    assert heard.body["model"] == "some-model"
    assert heard.body["response_format"]["json_schema"]["strict"] is True
    assert KEY not in json.dumps(heard.body)


def test_waits_as_long_as_a_rate_limit_asks() -> None:
    reply, waits, heard = ask(error(429, "slow down", retry_after="7.5"), completion(answer()))
    assert (reply.answer is not None, waits, len(heard)) == (True, [7.5], 2)


def test_a_rate_limit_may_name_a_date() -> None:
    date = email.utils.formatdate(time.time() + 30, usegmt=True)
    _, (wait,), _ = ask(error(429, "slow down", retry_after=date), completion(answer()))
    assert 25 < wait <= 30


@pytest.mark.parametrize("header", ["-5", "nan", "soon", "Thu, 99 Foo 2026"])
def test_a_senseless_pause_ends_nothing(header: str) -> None:
    reply, (wait,), _ = ask(error(503, "busy", retry_after=header), completion(answer()))
    assert reply.answer is not None
    assert 0 <= wait <= 1


def test_does_not_wait_for_an_hour() -> None:
    reply, waits, _ = ask(error(429, "quota", retry_after="3600"), completion(answer()))
    assert (reply.answer, waits) == (None, [])
    assert "3600 s" in reply.why


def test_tries_again_with_longer_and_longer_pauses_and_then_tells() -> None:
    reply, waits, heard = ask(error(500, "out of order"))
    assert (waits, len(heard)) == ([1, 2, 4], 4)
    assert reply.why == "the server answered 500: out of order (4 attempts)"
    assert reply.server_failed
    assert reply.usage == Usage(attempts=4)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_what_another_attempt_cannot_help_is_not_tried_again(status: int) -> None:
    reply, waits, heard = ask(error(status, "no such thing"))
    assert (reply.why, waits, len(heard)) == (f"the server answered {status}: no such thing", [], 1)


def test_a_server_that_knows_no_schema_is_told_of_and_not_given_another_in_silence() -> None:
    reply, _, heard = ask(error(400, "unknown response_format json_schema"), completion(answer()))
    assert len(heard) == 1
    assert 'answer_format = "json_object"' in reply.why
    reply, _, (heard_once,) = ask(completion(answer()), answer_format="json_object")
    assert reply.answer is not None
    assert heard_once.body["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize(
    "slow",
    [Says(completion(answer()).body, pause_s=0.6), Says(completion(answer()).body, pause_s=0.05, parts=20)],
    ids=["silent", "byte by byte"],
)
def test_the_time_out_holds_to_the_last_byte(slow: Says) -> None:
    begun = time.monotonic()
    reply, waits, _ = ask(slow, timeout_s=0.2, max_retries=1)
    assert (reply.answer, reply.server_failed, len(waits)) == (None, True, 1)
    assert "within 0.2 s" in reply.why
    assert time.monotonic() - begun < 3


def test_a_server_that_is_not_there() -> None:
    with api_server(completion("")) as server:
        url = server.url
    waits: list[float] = []
    reply = client_of(url, waits, max_retries=2).ask(PATTERNS, "{}")
    assert reply.why.startswith(f"no connection to {url}")
    assert (len(waits), reply.server_failed) == (2, True)


@pytest.mark.parametrize(
    "bad",
    [
        completion("Sure, here it is:"),
        completion(answer()[:-20], finish_reason="length"),
        completion(answer(insights=7)),
        completion(None),
        completion("", choices=[]),
        completion(answer(), choices={"a": 1}),
        Says("<html>proxy</html>"),
        Says(b"\xff\x00"),
        Says(""),
    ],
)
def test_a_malformed_answer_is_asked_for_again_and_then_told(bad: Says) -> None:
    reply, waits, _ = ask(bad, completion(answer()))
    assert reply.answer is not None
    assert len(waits) == 1
    reply, waits, _ = ask(bad, max_retries=1)
    assert reply.why.startswith("malformed answer: ")
    assert not reply.server_failed
    assert reply.why.endswith("(2 attempts)")


def test_a_malformed_answer_costs_too() -> None:
    reply, _, _ = ask(completion("no"), completion(answer()), **PRICES)
    assert reply.usage == Usage(attempts=2, prompt_tokens=2000, answer_tokens=400, cost=0.008)


def test_research_questions_are_counted() -> None:
    few = completion(answer(questions=["Why?"]))
    reply, waits, _ = ask(few, completion(answer()), question=RESEARCH)
    assert (len(reply.answer.questions), len(waits)) == (5, 1)


@pytest.mark.parametrize(
    "refused",
    [completion(None, refusal="I cannot help with that."), completion(None, finish_reason="content_filter")],
)
def test_a_refusal_is_told_and_not_argued_with(refused: Says) -> None:
    reply, waits, _ = ask(refused)
    assert reply.why.startswith("the model refused: ")
    assert (waits, reply.server_failed, reply.usage.attempts) == ([], False, 1)


def test_an_answer_without_end_is_not_read_to_it() -> None:
    reply, _, _ = ask(Says(b" " * (MAX_ANSWER_BYTES + 2)))
    assert "exceeds" in reply.why


@pytest.mark.parametrize("usage", [None, {"prompt_tokens": 5}, {"prompt_tokens": -1, "completion_tokens": 2}])
def test_tokens_that_are_not_told_have_no_cost(usage) -> None:
    reply, _, _ = ask(completion(answer(), usage=usage), max_retries=0, **PRICES)
    assert (reply.usage.prompt_tokens, reply.usage.cost) == (None, None)


def test_without_prices_the_cost_is_unknown() -> None:
    assert ask(completion(answer()))[0].usage.cost is None


@pytest.mark.parametrize(
    "echo",
    [
        error(401, f"Incorrect API key provided: {KEY}"),
        error(400, f"header Bearer {KEY}; json_schema"),
        error(500, f"{'x' * 480}{KEY}"),
        Says(KEY, 500),
        Says(json.dumps({"detail": KEY}), 403),
        completion(answer(summary=f"The key is {KEY}", insights=[f"{KEY[:12]}…"]), model=KEY),
        completion(answer(summary=KEY).replace("sk-", "\\u0073k-")),
        completion(json.dumps({KEY: KEY})),
        completion(None, refusal=f"not with {KEY}"),
    ],
)
def test_a_key_that_the_server_echoes_goes_no_further(echo: Says, caplog, capfd) -> None:
    caplog.set_level("DEBUG")
    with api_server(echo) as server:
        client = client_of(server.url, max_retries=1)
        reply = client.ask(PATTERNS, "{}")
    told = [repr(reply), repr(client), str(client.provenance()), caplog.text, *capfd.readouterr()]
    assert not any(KEY[i : i + 8] in text for text in told for i in range(len(KEY) - 7))


def test_what_is_asked_is_told_without_the_key() -> None:
    told = client_of("http://127.0.0.1:1/v1").provenance()
    assert (told["backend"], told["model"], told["base_url"]) == ("openai", "some-model", "http://127.0.0.1:1/v1")
    assert NoModel("no key").provenance() == {"backend": "none", "why": "no key"}


@pytest.mark.parametrize(
    "url", ["", "ftp://host/v1", "host/v1", f"https://user:{KEY}@host/v1", f"https://host/v1?key={KEY}", "http://[::1"]
)
def test_refuses_an_address_that_may_hold_a_key(url: str) -> None:
    with pytest.raises(ValidationError, match="expected http") as raised:
        AskingSettings(base_url=url, model="m")
    assert KEY not in str(raised.value)
