"""One request to the chat completions API: what the server said, bounded in time and size, or what went wrong."""

import email.utils
import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field, ValidationError

if TYPE_CHECKING:
    import openai

#: Of a server's answer: a hundred times what is asked for.
MAX_ANSWER_BYTES = 4 << 20
#: Of what a server says about its trouble.
MAX_MESSAGE_CHARACTERS = 500
#: Counts that no bill can hold, and that a float still holds exactly.
MAX_TOKENS = 1 << 40
#: A server that asks for a longer pause is not waited for.
MAX_RETRY_AFTER_S = 120.0
_TIMEOUT, _CONFLICT, _RATE_LIMIT, _SERVER_ERROR = 408, 409, 429, 500


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model wrote, or its refusal; nothing of it has been checked. Tokens are None where not told."""

    content: str
    refusal: str
    finish_reason: str
    model: str
    prompt_tokens: int | None
    answer_tokens: int | None


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there is no completion, in words that may still hold the key, and whether to try ``again``."""

    why: str
    again: bool
    retry_after_s: float | None = None
    of_server: bool = False


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Tokens(BaseModel):
    prompt_tokens: Annotated[int, Field(ge=0, le=MAX_TOKENS)]
    completion_tokens: Annotated[int, Field(ge=0, le=MAX_TOKENS)]


class _Body(BaseModel):
    """The part of the API's answer that is read: the client itself checks none of it."""

    choices: Annotated[list[_Choice], Field(min_length=1)]
    model: str = ""
    usage: _Tokens | None = None


def request_completion(client: "openai.OpenAI", request: Mapping[str, Any], timeout_s: float) -> Completion | Trouble:
    """Send one request and read its answer to the end within ``timeout_s``; errors of the server are returned."""
    import httpx2
    import openai

    begun = time.monotonic()
    try:
        # Streamed, because the client's own time-out begins anew with every byte that arrives.
        with client.chat.completions.with_streaming_response.create(**request) as response:
            body = _read(response.iter_bytes(), begun, timeout_s)
        return body if isinstance(body, Trouble) else _parsed(body)
    except openai.APIStatusError as error:
        return _status_trouble(error, request)
    except (openai.APITimeoutError, httpx2.TimeoutException):
        return _timed_out(timeout_s)
    except (openai.APIConnectionError, httpx2.TransportError) as error:
        cause = type(error.__cause__ or error).__name__
        return Trouble(f"no connection to {client.base_url}: {cause}", again=True, of_server=True)
    except (openai.OpenAIError, httpx2.HTTPError) as error:
        return Trouble(f"the request failed: {type(error).__name__}", again=False, of_server=True)


def _timed_out(timeout_s: float) -> Trouble:
    return Trouble(f"no complete answer within {timeout_s:g} s", again=True, of_server=True)


def _read(chunks: Iterable[bytes], begun: float, timeout_s: float) -> bytes | Trouble:
    parts, size = [], 0
    for chunk in chunks:
        parts.append(chunk)
        size += len(chunk)
        if size > MAX_ANSWER_BYTES:
            return Trouble(f"the answer exceeds {MAX_ANSWER_BYTES:,} bytes", again=False)
        if time.monotonic() - begun > timeout_s:
            return _timed_out(timeout_s)
    return b"".join(parts)


def _parsed(body: bytes) -> Completion | Trouble:
    try:
        found = _Body.model_validate_json(body)
    except ValidationError:
        return Trouble("malformed answer: no chat completion", again=True)
    choice = found.choices[0]
    refusal = choice.message.refusal or ""
    if choice.finish_reason == "content_filter":
        refusal = refusal or "the server's content filter stopped the answer"
    return Completion(
        content=choice.message.content or "",
        refusal=_short(refusal),
        finish_reason=choice.finish_reason or "",
        model=_short(found.model),
        prompt_tokens=found.usage.prompt_tokens if found.usage else None,
        answer_tokens=found.usage.completion_tokens if found.usage else None,
    )


def _status_trouble(error: "openai.APIStatusError", request: Mapping[str, Any]) -> Trouble:
    status, said = error.status_code, error.message
    reason = _short(said.removeprefix(f"Error code: {status}").lstrip(" -")) or "no reason"
    why = f"the server answered {status}: {reason}"
    if status < _SERVER_ERROR and any(word in said for word in ("response_format", "json_schema")):
        why += '; a server that knows no JSON schema is asked with answer_format = "json_object"'
    again = status in (_TIMEOUT, _CONFLICT, _RATE_LIMIT) or status >= _SERVER_ERROR
    wait_s = _retry_after_s(error.response.headers)
    if again and wait_s is not None and wait_s > MAX_RETRY_AFTER_S:
        again = False
        why += f"; it asks for a pause of {wait_s:.0f} s, and at most {MAX_RETRY_AFTER_S:.0f} s are waited"
    return Trouble(why, again, wait_s, of_server=True)


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait, given as such or as a date; None where it asks for nothing sensible."""
    text = headers.get("retry-after", "")
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return None if math.isnan(seconds) else max(seconds, 0.0)


def _short(text: str) -> str:
    text = " ".join(text[: 4 * MAX_MESSAGE_CHARACTERS].split())
    return text if len(text) <= MAX_MESSAGE_CHARACTERS else text[: MAX_MESSAGE_CHARACTERS - 1] + "…"
