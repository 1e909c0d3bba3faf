"""A key's text is taken out of whatever comes back from a server before anything else sees it."""

import re
from typing import Any

from pydantic import SecretStr

CONCEALED = "[key]"
#: Pieces of a key of this many characters are taken out too: servers like to quote beginnings and ends.
PIECE_CHARACTERS = 8
#: Far longer than any key.
MAX_KEY_CHARACTERS = 4096


def check_key(key: SecretStr) -> None:
    """``ValueError`` for a key that no header can carry; the message does not hold it."""
    text = key.get_secret_value()
    if not 0 < len(text) <= MAX_KEY_CHARACTERS or not all("!" <= c <= "~" for c in text):
        raise ValueError("the key is empty, too long, or holds blanks or characters beyond ASCII; state it anew")


def without_key(value: Any, key: SecretStr) -> Any:
    """``value`` (a text or a list of texts) with ``[key]`` for the key and for pieces of it.

    A key shorter than a piece is none that protects anything (``none``, ``EMPTY``): it is taken out as a word only.
    """
    if isinstance(value, str):
        return _without_key(value, key.get_secret_value())
    return [without_key(text, key) for text in value]


def _without_key(text: str, key: str) -> str:
    if len(key) < PIECE_CHARACTERS:
        return re.sub(rf"(?<!\w){re.escape(key)}(?!\w)", CONCEALED, text)
    pieces = {key[i : i + PIECE_CHARACTERS] for i in range(len(key) - PIECE_CHARACTERS + 1)}
    kept, begin, at = [], 0, 0
    while at <= len(text) - PIECE_CHARACTERS:
        if text[at : at + PIECE_CHARACTERS] not in pieces:
            at += 1
            continue
        kept += [text[begin:at], CONCEALED]
        while text[at : at + PIECE_CHARACTERS] in pieces:
            at += 1
        begin = at = at + PIECE_CHARACTERS - 1
    return "".join([*kept, text[begin:]])
