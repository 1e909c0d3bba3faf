"""Codes are signs: numbers and signs say the same, and gradients pass through as if they were not there."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from videotracks.persistence.tokenizer.quantisation import commitment, entropies, indices_of, quantise, signs_of


@settings(max_examples=30)
@given(st.integers(1, 36).flatmap(lambda bits: st.tuples(st.just(bits), st.integers(0, 2**bits - 1))))
def test_numbers_of_codes_come_back(example) -> None:
    bits, number = example
    signs = signs_of(torch.tensor([number]), bits)
    assert signs.shape == (1, bits)
    assert signs.abs().eq(1).all()
    assert indices_of(signs).tolist() == [number]
    assert number == sum(2**place for place in range(bits) if signs[0, place] > 0)


def test_a_code_is_the_signs_of_its_latents() -> None:
    latents = torch.tensor([[0.3, -2.0, 0.0, 1e-6]])
    assert quantise(latents).tolist() == [[1, -1, -1, 1]]
    assert indices_of(quantise(latents)).item() == 0b1001


def test_gradients_pass_straight_through() -> None:
    latents = torch.tensor([0.3, -2.0, 5.0], requires_grad=True)
    (quantise(latents) * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert latents.grad.tolist() == [1, 2, 3]


def test_commitment_draws_latents_to_their_codes() -> None:
    latents = torch.tensor([0.5, -3.0], requires_grad=True)
    loss = commitment(latents)
    assert loss.item() == pytest.approx((0.25 + 4) / 2)
    loss.backward()
    assert latents.grad[0] < 0 < -latents.grad[1]


def test_certain_codes_all_in_use_have_the_best_entropies() -> None:
    every = signs_of(torch.arange(64), 6) * 10
    unsure, usage = entropies(torch.cat([every, every.flip(0)], dim=1))
    assert unsure.item() == pytest.approx(0, abs=1e-4)
    assert usage.item() == pytest.approx(1, abs=1e-4)


def test_one_code_for_everything_shows_as_no_use() -> None:
    unsure, usage = entropies(torch.full((50, 12), 10.0))
    assert (unsure.item(), usage.item()) == pytest.approx((0, 0), abs=1e-4)
    unsure, usage = entropies(torch.zeros((50, 12)))
    assert (unsure.item(), usage.item()) == pytest.approx((1, 1), abs=1e-4)


def test_bits_that_always_agree_count_as_one() -> None:
    """Two equal bits of six: 5 bits of information are left."""
    codes = signs_of(torch.arange(64), 6) * 10
    codes[:, 1] = codes[:, 0]
    assert entropies(codes)[1].item() == pytest.approx(5 / 6, abs=1e-4)
