"""A key is taken out of texts: whole, in pieces, and however often."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from videotracks.persistence.analysis.keys import PIECE_CHARACTERS, check_key, without_key

KEY = "sk-test-0123456789abcdefXYZ"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f"bad key: {KEY}.", "bad key: [key]."),
        (f"{KEY}{KEY}", "[key][key]"),
        (f"provided: {KEY[:11]}****{KEY[-8:]}", "provided: [key]****[key]"),
        ("nothing of it", "nothing of it"),
        ("", ""),
        (KEY[:7], KEY[:7]),
    ],
)
def test_takes_out_the_key_and_its_pieces(text: str, clean: str) -> None:
    assert without_key(text, SecretStr(KEY)) == clean
    assert without_key([text, text], SecretStr(KEY)) == [clean, clean]


@given(st.lists(st.tuples(st.text(max_size=9), st.integers(0, 20), st.integers(0, 27)), max_size=6))
def test_no_piece_of_a_key_is_left(parts) -> None:
    text = "".join(other + KEY[a:b] for other, a, b in parts)
    clean = without_key(text, SecretStr(KEY))
    assert not any(KEY[i : i + PIECE_CHARACTERS] in clean for i in range(len(KEY) - PIECE_CHARACTERS + 1))


def test_a_key_that_protects_nothing_is_taken_out_as_a_word() -> None:
    assert without_key("none of the nonempty: none", SecretStr("none")) == "[key] of the nonempty: [key]"


@pytest.mark.parametrize("key", ["", "sk 1", "sk\n1", "sk-ü", "x" * 5000])
def test_refuses_a_key_that_no_header_can_carry(key: str) -> None:
    with pytest.raises(ValueError, match="the key is empty") as raised:
        check_key(SecretStr(key))
    assert not key or key not in str(raised.value)
