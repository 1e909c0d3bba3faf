"""Following with SAM 2, on a network of random weights: the same as sam2 alone, in bounded memory."""

from typing import Any

import numpy as np
import pytest

from tests.masks.sam2.sam2_micro import IMAGE_SIZE, Clip, micro_network
from videotracks.errors import ModelError
from videotracks.masks.sam2 import session as sam2_session
from videotracks.masks.sam2.features import Computing
from videotracks.masks.sam2.segmenter import Sam2Segmenter
from videotracks.masks.sam2.session import Sam2Session
from videotracks.masks.segmenters import Prompt, PromptError, Segmenter, Session

WIDTH, HEIGHT = 160, 120


@pytest.fixture(scope="module")
def network() -> Any:
    """One of the seeds for which the network claims to see something."""
    return micro_network(seed=4)


@pytest.fixture(scope="module")
def segmenter(network: Any) -> Sam2Segmenter:
    return Sam2Segmenter.of_model(network, {"backend": "sam2", "weights": "random"})


def square(x: int, y: int, side: int = 40) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[y : y + side, x : x + side] = True
    return mask


PROMPTS = (Prompt(mask=square(30, 40)), Prompt(box=(20.0, 20.0, 80.0, 80.0)), Prompt(mask=square(100, 10)))


def followed(session: Session, last: int) -> dict[int, np.ndarray]:
    return dict(session.propagate(last))


def logits_of_sam2(network: Any, clip: Clip, prompted: int, passes: list[int]) -> list[dict[int, np.ndarray]]:
    """What sam2's own loop makes of ``PROMPTS``, all in one state, nothing let go."""
    state = Sam2Session(network, clip, WIDTH, HEIGHT, Computing("cpu", 1))._state
    for index, prompt in enumerate(PROMPTS):
        if prompt.mask is not None:
            network.add_new_mask(state, prompted, index, prompt.mask)
        else:
            box = np.array(prompt.box) / [WIDTH, HEIGHT, WIDTH, HEIGHT]
            network.add_new_points_or_box(state, prompted, index, box=box.astype("f4"), normalize_coords=False)
    found = []
    for last in passes:
        frames = network.propagate_in_video(
            state, prompted, max_frame_num_to_track=abs(last - prompted), reverse=last < prompted
        )
        found.append({at: logits[:, 0].numpy().copy() for at, _, logits in frames})
    return found


@pytest.mark.parametrize("batch", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_agrees_with_sam2_itself_both_ways(network: Any, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sam2_session.BATCH, "cpu", batch)
    clip, prompted = Clip(26), 4
    expected = logits_of_sam2(network, clip, prompted, [25, 0])
    session = Sam2Session(network, clip, WIDTH, HEIGHT, Computing("cpu", 1))
    session.prompt(prompted, PROMPTS)
    for last, wanted in zip([25, 0], expected, strict=True):
        assert wanted.pop(prompted).any()
        for position, _ in session.propagate(last):
            logits = [batch["non_cond_frame_outputs"][position]["pred_masks"][:, 0] for batch in session.batches]
            np.testing.assert_allclose(np.concatenate(logits), wanted.pop(position), atol=1e-4)
        assert not wanted


def test_is_what_the_protocol_asks_for(segmenter: Sam2Segmenter) -> None:
    as_segmenter: Segmenter = segmenter
    session: Session = as_segmenter.session(Clip(2), WIDTH, HEIGHT)
    assert as_segmenter.frame_size(1920, 1080) == (IMAGE_SIZE, IMAGE_SIZE)
    assert as_segmenter.provenance()["weights"] == "random"
    assert set(session.seconds) == {"encode", "prompt", "propagate"}


def test_masks_come_at_the_size_of_the_video_in_the_order_of_the_prompts(segmenter: Sam2Segmenter) -> None:
    session = segmenter.session(Clip(6), WIDTH, HEIGHT)
    masks = session.prompt(2, PROMPTS)
    assert masks.shape == (3, HEIGHT, WIDTH)
    assert masks.dtype == bool
    # A mask that is given comes back, less what a quarter of the network's resolution cannot hold.
    for index in (0, 2):
        assert np.logical_xor(masks[index], PROMPTS[index].mask).sum() < 4 * 40 * 4
    assert masks[1].any()
    after = followed(session, 5)
    assert list(after) == [3, 4, 5]
    assert all(mask.shape == (3, HEIGHT, WIDTH) and mask.dtype == bool for mask in after.values())
    assert list(followed(session, 0)) == [1, 0]
    assert followed(session, 2) == {}


def test_objects_do_not_disturb_each_other(segmenter: Sam2Segmenter) -> None:
    together = segmenter.session(Clip(4), WIDTH, HEIGHT)
    together.prompt(0, PROMPTS)
    alone = segmenter.session(Clip(4), WIDTH, HEIGHT)
    alone.prompt(0, PROMPTS[1:2])
    for (at, masks), (same, mask) in zip(together.propagate(3), alone.propagate(3), strict=True):
        assert at == same
        assert np.array_equal(masks[1], mask[0])


def test_equal_input_gives_equal_masks(segmenter: Sam2Segmenter) -> None:
    runs = []
    for _ in range(2):
        session = segmenter.session(Clip(4), WIDTH, HEIGHT)
        runs.append([session.prompt(1, PROMPTS), *followed(session, 3).values()])
    assert all(np.array_equal(a, b) for a, b in zip(*runs, strict=True))


def test_a_new_prompt_forgets_the_objects_before(segmenter: Sam2Segmenter) -> None:
    session = segmenter.session(Clip(5), WIDTH, HEIGHT)
    session.prompt(0, PROMPTS)
    followed(session, 4)
    session.prompt(2, PROMPTS[:1])
    again = followed(session, 4)
    fresh = segmenter.session(Clip(5), WIDTH, HEIGHT)
    fresh.prompt(2, PROMPTS[:1])
    assert {at: mask.sum() for at, mask in followed(fresh, 4).items()} == {at: m.sum() for at, m in again.items()}
    assert all(len(mask) == 1 for mask in again.values())


def test_following_nothing_yields_no_masks(segmenter: Sam2Segmenter) -> None:
    session = segmenter.session(Clip(3), WIDTH, HEIGHT)
    assert session.prompt(0, []).shape == (0, HEIGHT, WIDTH)
    assert [masks.shape for masks in followed(session, 2).values()] == [(0, HEIGHT, WIDTH)] * 2


def test_a_frame_is_read_and_encoded_once(segmenter: Sam2Segmenter) -> None:
    clip = Clip(8)
    session = segmenter.session(clip, WIDTH, HEIGHT)
    for prompted in (3, 5):
        session.prompt(prompted, PROMPTS[:2])
        followed(session, 7)
        followed(session, 0)
    assert clip.reads == dict.fromkeys(range(8), 1)


def test_memory_does_not_grow_with_the_length(network: Any) -> None:
    clip, per_frame = Clip(60), 4 * (32 * 32 * 32 + 64 * 16 * 16 + 256 * 8 * 8)
    session = Sam2Session(network, clip, WIDTH, HEIGHT, Computing("cpu", 1), cache_bytes=5 * per_frame)
    session.prompt(0, PROMPTS[:1])
    outputs = session.batches[0]["non_cond_frame_outputs"]
    for position, _ in session.propagate(59):
        assert len(session.features) == min(position + 1, 5)
        assert len(outputs) <= 2 * network.max_obj_ptrs_in_encoder + 1
        assert sum("maskmem_features" in output for output in outputs.values()) <= 2 * network.num_maskmem + 1
    assert len(outputs) > network.max_obj_ptrs_in_encoder
    assert session._state["frames_tracked_per_obj"] == {}


def test_the_window_lets_go_of_what_is_outside(segmenter: Sam2Segmenter) -> None:
    clip = Clip(12)
    session = segmenter.session(clip, WIDTH, HEIGHT)
    session.prompt(2, PROMPTS[:1])
    seen = []
    for position, _ in session.propagate(11):
        clip.window = range(position - 1, position + 2)
        session.release(position - 1, position + 1)
        seen.append(position)
        assert len(session.features) == 2
        assert set(session.batches[0]["non_cond_frame_outputs"]) <= set(clip.window)
    assert seen == list(range(3, 12))
    with pytest.raises(IndexError, match="not in the window"):
        session.prompt(0, PROMPTS[:1])


def test_time_is_counted_by_stage(segmenter: Sam2Segmenter) -> None:
    session = segmenter.session(Clip(3), WIDTH, HEIGHT)
    assert set(session.seconds.values()) == {0.0}
    session.prompt(0, PROMPTS[:1])
    prompted = session.seconds
    assert min(prompted["encode"], prompted["prompt"]) > 0
    assert prompted["propagate"] == 0
    followed(session, 2)
    assert session.seconds["prompt"] == prompted["prompt"]
    assert session.seconds["propagate"] > 0


def test_the_threads_of_others_are_left_alone(segmenter: Sam2Segmenter) -> None:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        segmenter.session(Clip(1), WIDTH, HEIGHT).prompt(0, PROMPTS[:1])
        assert torch.get_num_threads() == 2
        assert not torch.is_inference_mode_enabled()
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        (Prompt(), "exactly one"),
        (Prompt(mask=square(0, 0), box=(0, 0, 9, 9)), "exactly one"),
        (Prompt(mask=np.zeros((HEIGHT, WIDTH), bool)), "empty"),
        (Prompt(mask=np.ones((10, 10), bool)), r"expected a mask bool\[120, 160\], got bool\[10, 10\]"),
        (Prompt(mask=square(0, 0).astype("u1")), "got uint8"),
        (Prompt(box=(30, 30, 30, 50)), "holds nothing"),
        (Prompt(box=(500, 30, 600, 50)), "holds nothing"),
        (Prompt(box=(0, 0, float("nan"), 5)), "expected a box"),
    ],
)
def test_refuses_a_prompt_and_says_which(segmenter: Sam2Segmenter, prompt: Prompt, reason: str) -> None:
    with pytest.raises(PromptError, match=f"prompt 1: .*{reason}") as caught:
        segmenter.session(Clip(1), WIDTH, HEIGHT).prompt(0, [PROMPTS[0], prompt])
    assert caught.value.index == 1


def test_refuses_a_mask_that_vanishes_at_the_resolution_of_the_network(segmenter: Sam2Segmenter) -> None:
    thin = np.zeros((1080, 1920), bool)
    thin[500, 900:904] = True
    session = segmenter.session(Clip(1), 1920, 1080)
    with pytest.raises(PromptError, match="prompt 0: the mask of 4 px vanishes at 128 px"):
        session.prompt(0, [Prompt(mask=thin)])
    assert session.prompt(0, [Prompt(box=(900, 499, 904, 502))]).shape == (1, 1080, 1920)


def test_refuses_to_propagate_what_was_not_prompted(segmenter: Sam2Segmenter) -> None:
    session = segmenter.session(Clip(4), WIDTH, HEIGHT)
    with pytest.raises(ModelError, match="prompt the session"):
        next(session.propagate(3))
    session.prompt(0, PROMPTS[:1])
    with pytest.raises(IndexError, match="position 4 of 4"):
        next(session.propagate(4))
    begun = session.propagate(3)
    next(begun)
    session.prompt(1, PROMPTS[:1])
    with pytest.raises(ModelError, match="prompted anew"):
        next(begun)


def test_refuses_frames_of_another_size(segmenter: Sam2Segmenter) -> None:
    with pytest.raises(ValueError, match=r"expected u8\[128, 128, 3\], got uint8\[64, 64, 3\]"):
        segmenter.session(Clip(1, size=64), WIDTH, HEIGHT).prompt(0, PROMPTS[:1])


def test_forecasts_before_it_starts(network: Any) -> None:
    segmenter = Sam2Segmenter.of_model(network, {})
    few, many, longer = (segmenter.forecast_s(f, o) for f, o in ((100, 1), (100, 10), (1000, 1)))
    assert 0 < few < many
    assert longer == pytest.approx(10 * few)
    session = segmenter.session(Clip(21), WIDTH, HEIGHT)
    session.prompt(0, PROMPTS)
    followed(session, 20)
    # Loose: the machine has other things to do as well.
    assert 1 / 8 < segmenter.forecast_s(21, 3) / sum(session.seconds.values()) < 8
