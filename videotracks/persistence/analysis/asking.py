"""Asking a language model over the chat completions API, of OpenAI or of any server that speaks it.

Nothing that goes wrong with the server or the model is raised: it comes back as a reason, without the key, so that
the statistics are never lost.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator

from videotracks.persistence.analysis.completion import Completion, Trouble, request_completion
from videotracks.persistence.analysis.keys import check_key, without_key
from videotracks.persistence.analysis.questions import Answer, Question, instructions, read_answer, response_format

if TYPE_CHECKING:
    import openai

#: Waits between attempts: doubled each time from the first to the longest.
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 30.0
PER_MILLION = 1_000_000


class AskingSettings(BaseModel, frozen=True, extra="forbid", hide_input_in_errors=True):
    """Which model is asked, how long for, and what it costs."""

    base_url: str = Field("https://api.openai.com/v1", description="of the server's API, up to /v1; holds no key")
    model: str = Field(min_length=1, max_length=200, description="the model's name, as the server knows it")
    answer_format: Literal["json_schema", "json_object"] = Field(
        "json_schema", description="how the answer's form is enforced; json_object for servers that know no schema"
    )
    timeout_s: float = Field(60.0, gt=0, le=600, description="s for one attempt, from the request to the last byte")
    max_retries: int = Field(3, ge=0, le=10, description="further attempts at a question")
    max_answer_tokens: int = Field(8192, ge=256, description="tokens of one answer, the model's reasoning included")
    price_per_million_prompt_tokens: float | None = Field(None, ge=0, description="in any currency; empty: unknown")
    price_per_million_answer_tokens: float | None = Field(None, ge=0, description="in the same; empty: unknown")

    @field_validator("base_url")
    @classmethod
    def _plain_address(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            plain = parts.scheme in ("http", "https") and parts.hostname and not (parts.query or parts.fragment)
        except ValueError:
            plain = False
        if not plain or "@" in url:
            raise ValueError("expected http(s)://host/path without user, password, query or fragment")
        return url


class Usage(BaseModel, frozen=True, allow_inf_nan=False):
    """What asking took: attempts that came to nothing count too, as far as the server told of them."""

    attempts: int = 0
    prompt_tokens: int | None = Field(None, description="null where the server told of none")
    answer_tokens: int | None = None
    cost: float | None = Field(None, description="in the prices' currency; null where unknown")

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            attempts=self.attempts + other.attempts,
            prompt_tokens=_sum(self.prompt_tokens, other.prompt_tokens),
            answer_tokens=_sum(self.answer_tokens, other.answer_tokens),
            cost=_sum(self.cost, other.cost),
        )


def _sum(a: Any, b: Any) -> Any:
    return b if a is None else a if b is None else a + b


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a question: an answer, or why there is none; ``server_failed``: others would fare no better."""

    answer: Answer | None
    why: str
    usage: Usage
    model: str = ""
    server_failed: bool = False


@dataclass(frozen=True, slots=True)
class NoModel:
    """Stands where a model could, and says why none is asked."""

    why: str

    def provenance(self) -> dict[str, str]:
        """That there is none, and why."""
        return {"backend": "none", "why": self.why}


class LanguageModelClient:
    """A language model behind a server. ``wait`` pauses between attempts.

    ``ValueError`` for a key that cannot be sent. The key is kept where no representation shows it.
    """

    def __init__(
        self, settings: AskingSettings, key: SecretStr, *, wait: Callable[[float], object] = time.sleep
    ) -> None:
        check_key(key)
        self.settings = settings
        self._key = key
        self._wait = wait
        self._client: openai.OpenAI | None = None

    def provenance(self) -> dict[str, str]:
        """What is asked: server, model, and the client's version."""
        chosen = self.settings
        return {
            "backend": "openai",
            "client": version("openai"),
            "base_url": chosen.base_url,
            "model": chosen.model,
            "answer_format": chosen.answer_format,
        }

    def ask(self, question: Question, document: str) -> Reply:
        """Ask about a ``document`` (JSON), again after a pause where that may help; never raises what went wrong."""
        usage = Usage()
        for attempt in range(self.settings.max_retries + 1):
            reply, trouble = self._attempt(question, document)
            usage += reply.usage
            if trouble is None or not trouble.again or attempt == self.settings.max_retries:
                break
            wait_s = min(FIRST_WAIT_S * 2**attempt, LONGEST_WAIT_S)
            self._wait(wait_s if trouble.retry_after_s is None else trouble.retry_after_s)
        tries = f" ({usage.attempts} attempts)" if reply.why and usage.attempts > 1 else ""
        return replace(reply, why=reply.why + tries, usage=usage)

    def _attempt(self, question: Question, document: str) -> tuple[Reply, Trouble | None]:
        """What one request brings, and what hindered it where another one may help."""
        came = request_completion(self._opened(), self._request(question, document), self.settings.timeout_s)
        if isinstance(came, Trouble):
            why = without_key(came.why, self._key)
            return Reply(None, why, Usage(attempts=1), server_failed=came.of_server), came
        usage, model = self._used(came), without_key(came.model, self._key)
        if came.refusal:
            return Reply(None, f"the model refused: {without_key(came.refusal, self._key)}", usage, model), None
        answer, problem = self._read(came, question)
        if answer is None:
            return Reply(None, f"malformed answer: {problem}", usage, model), Trouble(problem, again=True)
        return Reply(answer, "", usage, model), None

    def _opened(self) -> "openai.OpenAI":
        if self._client is None:
            import openai

            # Attempts are counted here, so that malformed answers are among them.
            key = self._key.get_secret_value()
            self._client = openai.OpenAI(
                api_key=key, base_url=self.settings.base_url, timeout=self.settings.timeout_s, max_retries=0
            )
        return self._client

    def _request(self, question: Question, document: str) -> dict[str, Any]:
        return {
            "model": self.settings.model,
            "messages": [
                {"role": "system", "content": instructions(question)},
                {"role": "user", "content": document},
            ],
            "response_format": response_format(self.settings.answer_format),
            "max_completion_tokens": self.settings.max_answer_tokens,
        }

    def _used(self, came: Completion) -> Usage:
        if came.prompt_tokens is None or came.answer_tokens is None:
            return Usage(attempts=1)
        prompt, answer = self.settings.price_per_million_prompt_tokens, self.settings.price_per_million_answer_tokens
        cost = None
        if prompt is not None and answer is not None:
            cost = (came.prompt_tokens * prompt + came.answer_tokens * answer) / PER_MILLION
        return Usage(attempts=1, prompt_tokens=came.prompt_tokens, answer_tokens=came.answer_tokens, cost=cost)

    def _read(self, came: Completion, question: Question) -> tuple[Answer | None, str]:
        """The answer, or what is wrong with it."""
        cut = "; it was cut off at max_answer_tokens" if came.finish_reason == "length" else ""
        try:
            answer = read_answer(came.content, question)
            return Answer.model_validate({name: without_key(value, self._key) for name, value in answer}), ""
        except ValidationError:
            return None, "too long without the key that it quotes"
        except ValueError as error:
            return None, without_key(str(error), self._key) + cut
