"""The language model: what is asked about the statistics of the decisions."""

import os
import re
from typing import Literal

import dagster as dg
from pydantic import Field, PrivateAttr, SecretStr, ValidationError

from videotracks.errors import ModelError
from videotracks.persistence.analysis.asking import AskingSettings, LanguageModelClient, NoModel

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")


class LanguageModel(dg.ConfigurableResource):
    """A language model behind a server that speaks the chat completions API, or none.

    The key comes from an environment variable, read when the model is loaded and kept nowhere else. Without a key
    no model is asked, and the analysis says so; servers that want none take any (``EMPTY``).
    """

    kind: Literal["none", "openai"] = "none"
    base_url: str = Field("https://api.openai.com/v1", description="of the server's API, up to /v1; holds no key")
    model: str = Field("", description="the model's name, as the server knows it (openai)")
    key_variable: str = Field("OPENAI_API_KEY", description="name of the environment variable that holds the key")
    answer_format: Literal["json_schema", "json_object"] = Field(
        "json_schema", description="how the answer's form is enforced; json_object for servers that know no schema"
    )
    timeout_s: float = Field(60.0, description="s for one attempt, from the request to the last byte")
    max_retries: int = Field(3, description="further attempts at a question")
    max_answer_tokens: int = Field(8192, description="tokens of one answer, the model's reasoning included")
    price_per_million_prompt_tokens: float | None = Field(None, description="in any currency; empty: unknown")
    price_per_million_answer_tokens: float | None = Field(None, description="in the same; empty: unknown")
    _loaded: LanguageModelClient | None = PrivateAttr(default=None)

    def load(self) -> LanguageModelClient | NoModel:
        """The model, or why there is none; ``ModelError`` for settings or a key that cannot work."""
        if self.kind == "none":
            return NoModel("none is chosen (language_model.kind)")
        if self._loaded is None:
            settings, key = self._settings(), self._key()
            if key is None:
                return NoModel(f"the environment variable {self.key_variable} holds no key")
            try:
                self._loaded = LanguageModelClient(settings, key)
            except ValueError as error:
                raise ModelError(f"language_model: the environment variable {self.key_variable}: {error}") from None
        return self._loaded

    def provenance(self) -> dict[str, str]:
        """What is asked: server, model and client, or why none is; ``ModelError`` as for ``load``."""
        return self.load().provenance()

    def _settings(self) -> AskingSettings:
        stated = {name: getattr(self, name) for name in AskingSettings.model_fields}
        try:
            return AskingSettings(**stated)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise ModelError(f"language_model.{first['loc'][0]}: {first['msg']}") from None

    def _key(self) -> SecretStr | None:
        # Who mistakes the name for the key must not read it in an error.
        if not _VARIABLE.fullmatch(self.key_variable):
            raise ModelError(
                "language_model.key_variable: expected the name of an environment variable in capitals, such as "
                "OPENAI_API_KEY, got something else (not shown); the key itself belongs into that variable"
            )
        key = os.environ.get(self.key_variable, "").strip()
        return SecretStr(key) if key else None
