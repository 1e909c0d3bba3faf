"""torchvision imports here, whichever PyTorch it meets, and suppresses boxes as its compiled operator would."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videotracks.masks.sam2.torchvision_on_cpu import ensure_torchvision


def kept_plainly(boxes: np.ndarray, scores: np.ndarray, threshold: float) -> list[int]:
    """Box after box, as the method is defined."""
    kept: list[int] = []
    for at in np.argsort(-scores, kind="stable"):
        for other in kept:
            corner = np.minimum(boxes[at, 2:], boxes[other, 2:]) - np.maximum(boxes[at, :2], boxes[other, :2])
            shared = corner.clip(min=0).prod()
            areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (boxes[at], boxes[other])]
            if shared > threshold * (sum(areas) - shared):
                break
        else:
            kept.append(int(at))
    return kept


@pytest.mark.slow
def test_imports_in_a_fresh_process() -> None:
    code = (
        "from videotracks.masks.sam2.torchvision_on_cpu import ensure_torchvision as e;"
        "first = e(); assert e() == first;"
        "import torchvision.transforms; from torchvision.ops import batched_nms; print(first)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in {"True", "False"}


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 30), st.integers(0, 1000), st.sampled_from([0.1, 0.5, 0.7]))
def test_suppresses_as_defined(count: int, seed: int, threshold: float) -> None:
    ensure_torchvision()
    import torch
    from torchvision.ops import nms

    rng = np.random.default_rng(seed)
    corner = rng.integers(0, 20, (count, 2))
    boxes = np.concatenate([corner, corner + rng.integers(0, 12, (count, 2))], axis=1).astype("f4")
    scores = rng.permutation(count).astype("f4")
    found = nms(torch.from_numpy(boxes), torch.from_numpy(scores), threshold)
    assert found.tolist() == kept_plainly(boxes, scores, threshold)


def test_classes_do_not_suppress_each_other() -> None:
    ensure_torchvision()
    import torch
    from torchvision.ops import batched_nms

    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 10, 9]])
    found = batched_nms(boxes, torch.tensor([0.9, 0.8, 0.7]), torch.tensor([0, 1, 0]), 0.5)
    assert found.tolist() == [0, 1]


def test_missing_operators_still_say_so() -> None:
    if not ensure_torchvision():
        pytest.skip("the compiled operators load here")
    import torch
    from torchvision.ops import roi_pool

    with pytest.raises(RuntimeError, match="Couldn't load custom C"):
        roi_pool(torch.zeros(1, 1, 8, 8), [torch.tensor([[0.0, 0, 4, 4]])], 2)
