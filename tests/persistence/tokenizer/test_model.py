"""The network: one frame alone works, and nothing knows what comes later."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.persistence.tokenizer.clip_examples import TINY, clip
from videotracks.persistence.crop_tracks import FEATURES
from videotracks.persistence.tokenizer.model import GRID, HISTORY_FRAMES, VideoTokenizer, from_pixels, to_pixels


@pytest.fixture(scope="module")
def network() -> VideoTokenizer:
    torch.manual_seed(0)
    made = VideoTokenizer(TINY.network).eval().requires_grad_(False)
    made.encoder.place.normal_()
    return made


@pytest.mark.parametrize("frames", range(1, 18))
def test_every_observation_has_latents_and_features_of_its_own(network, frames) -> None:
    x = from_pixels(torch.from_numpy(clip(1, frames))[None])
    encoded = network.encode(x)
    assert encoded.latents.shape == (1, TINY.network.code_bits, frames, GRID, GRID)
    assert encoded.pooled.shape == network.features(x).shape == (1, frames, FEATURES)
    assert network.decode(encoded.latents).shape == x.shape


@settings(max_examples=15, deadline=None)
@given(frames=st.integers(2, 9), data=st.data())
def test_no_output_depends_on_later_frames(network, frames, data) -> None:
    known = data.draw(st.integers(1, frames - 1))
    x = from_pixels(torch.from_numpy(clip(1, frames))[None])
    other = torch.cat([x[:, :, :known], -x[:, :, known:]], dim=2)
    alone = x[:, :, :known]
    for made in (lambda y: network.encoder(y), lambda y: network.decode(network.encode(y).latents)):
        torch.testing.assert_close(made(other)[:, :, :known], made(x)[:, :, :known])
        torch.testing.assert_close(made(alone), made(x)[:, :, :known])
    torch.testing.assert_close(network.features(other)[:, :known], network.features(x)[:, :known])


def test_features_look_back_so_many_frames_and_no_further(network) -> None:
    x = from_pixels(torch.from_numpy(clip(1, 12))[None])
    features = network.features(x)
    for changed in range(12):
        other = x.clone()
        other[:, :, changed] *= -1
        reached = (network.features(other) != features).any(dim=2)[0].nonzero()[:, 0].tolist()
        assert reached == list(range(changed, min(12, changed + HISTORY_FRAMES + 1)))


def test_a_still_picture_has_the_same_features_in_every_frame(network) -> None:
    x = from_pixels(torch.from_numpy(clip(1, 1).repeat(6, axis=0))[None])
    features = network.features(x)
    torch.testing.assert_close(features, features[:, :1].expand_as(features))


def test_pixels_come_back() -> None:
    pixels = torch.randint(0, 256, (2, 3, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    x = from_pixels(pixels)
    assert (x.min(), x.max()) == (-1, 1)
    assert torch.equal(to_pixels(x), pixels)
    assert to_pixels(torch.full((1, 3, 1, 8, 8), 7.0)).eq(255).all()
