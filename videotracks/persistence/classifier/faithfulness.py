"""Whether importance tells the truth about the decision: found out by taking observations away.

Deletion and insertion (Petsiuk et al., "RISE", 2018): the confidence in the decision taken, as the most important
observations go first, or come first; against random orders of the same track. Sufficiency and comprehensiveness
(DeYoung et al., "ERASER", 2020). Randomised weights (Adebayo et al., "Sanity Checks for Saliency Maps", 2018):
importance that stays the same without what was learnt is none. And pointing (Zhang et al., 2018): whether the most
important observation is one that was spoilt on purpose.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from pydantic import BaseModel, Field

from videotracks.errors import ModelError
from videotracks.persistence.classifier.batches import by_length, padded
from videotracks.progress import Progress, silent

if TYPE_CHECKING:
    import torch

    from videotracks.persistence.classifier.model import PersistenceNetwork

#: Shorter tracks have too few orders to tell one from another.
LEAST_OBSERVATIONS = 4
#: Steps of a curve: of longer tracks several observations go at a time.
_STEPS = 10
#: Observations judged together, after padding.
_BATCH_OBSERVATIONS = 1 << 15


class FaithfulnessSettings(BaseModel, frozen=True, extra="forbid"):
    """How hard the importance is tested, and what it must reach."""

    tracks: int = Field(default=300, ge=10, description="tracks whose observations are taken away, at most")
    random_orders: int = Field(default=20, ge=20, description="random orders that each track is compared with")
    share: float = Field(default=0.2, gt=0, lt=1, description="of a track's observations, for sufficiency and the like")
    max_p: float = Field(default=0.01, gt=0, lt=1, description="chance at which importance passes for a random order")
    min_pointing: float = Field(default=0.8, ge=0, le=1, description="tracks whose spoilt observation is found, share")
    max_alike: float = Field(default=0.5, ge=-1, le=1, description="rank correlation with that of random weights, mean")
    seed: int = Field(default=0, ge=0, description="of tracks, orders and random weights")


class Against(BaseModel, frozen=True):
    """A quantity under the importance and under random orders, means over tracks; p of a one-sided paired test."""

    importance: float
    random: float
    p: float = Field(description="Wilcoxon's signed-rank test over tracks that importance is better")


class Pointing(BaseModel, frozen=True):
    """Of tracks with some spoilt observations, the share whose most important one is spoilt; and by chance.

    Only tracks that the network filters: where it overlooks what is spoilt, no true explanation points there.
    """

    tracks: int
    overlooked: int = Field(description="tracks with spoilt observations that the network takes for things")
    accuracy: float
    chance: float


class Faithfulness(BaseModel, frozen=True):
    """The tests of one kind of importance, and the verdict."""

    method: str
    tracks: int = Field(description="tracks whose observations were taken away")
    deletion: Against = Field(description="mean confidence as the most important go first: lower is better")
    insertion: Against = Field(description="mean confidence as the most important come first: higher is better")
    comprehensiveness: Against = Field(description="confidence lost without the most important: higher is better")
    sufficiency: Against = Field(description="confidence lost with nothing but these: lower is better")
    alike_when_randomised: float = Field(description="rank correlation with the importance of random weights, mean")
    pointing: Pointing | None = Field(description="empty where no track is spoilt")
    faithful: bool
    reasons: list[str] = Field(description="what it passed or failed, in words")


class Explainer(Protocol):
    """Whatever gives logits f4[B] and importance f4[B, T], as ``get_frame_importance`` with a method chosen."""

    def __call__(
        self, network: "PersistenceNetwork", features: "torch.Tensor", there: "torch.Tensor"
    ) -> tuple[np.ndarray, np.ndarray]:
        """Logits and importance of tracks as ``padded`` gives them."""
        ...


def examine(
    network: "PersistenceNetwork",
    method: str,
    explain: Explainer,
    tracks: Sequence[np.ndarray],
    spoilt: Sequence[np.ndarray],
    settings: FaithfulnessSettings,
    progress: Progress = silent,
) -> Faithfulness:
    """Put one kind of importance to the tests.

    ``tracks``: features f4[T, FEATURES], T ≤ MAX_OBSERVATIONS, of tracks not trained on; ``spoilt`` bool[T] each. Only
    those of ``LEAST_OBSERVATIONS`` and more are used. ``ModelError`` where there are none. ``progress`` counts tracks.
    """
    long = [at for at, track in enumerate(tracks) if len(track) >= LEAST_OBSERVATIONS]
    if not long:
        raise ModelError(f"no track of {LEAST_OBSERVATIONS} observations to test faithfulness on; generate longer ones")
    random = np.random.default_rng(settings.seed)
    importance, filtered = _explained(network, explain, [tracks[at] for at in long])
    pointing = _pointing(importance, filtered, [spoilt[at] for at in long])
    drawn = np.sort(random.permutation(len(long))[: settings.tracks])
    measured = []
    for count, at in enumerate(drawn.tolist()):
        measured.append(_take_away(network, tracks[long[at]], importance[at], settings, random))
        progress(count + 1, len(drawn))
    table = np.array(measured)  # tracks, quantities, (importance, random)
    deletion, insertion, comprehensiveness, sufficiency = (
        _against(table[:, at], higher) for at, higher in enumerate((False, True, True, False))
    )
    chosen = [tracks[long[at]] for at in drawn.tolist()]
    alike = _alike_when_randomised(network, explain, chosen, [importance[at] for at in drawn.tolist()], settings.seed)
    reasons, faithful = _verdict(deletion, insertion, alike, pointing, settings)
    return Faithfulness(
        method=method,
        tracks=len(drawn),
        deletion=deletion,
        insertion=insertion,
        comprehensiveness=comprehensiveness,
        sufficiency=sufficiency,
        alike_when_randomised=alike,
        pointing=pointing,
        faithful=faithful,
        reasons=reasons,
    )


def _explained(
    network: "PersistenceNetwork", explain: Explainer, tracks: Sequence[np.ndarray]
) -> tuple[list[np.ndarray], np.ndarray]:
    """The importance f4[T] of the observations of each track, and which tracks the network filters, bool[N]."""
    importance: dict[int, np.ndarray] = {}
    filtered = np.zeros(len(tracks), bool)
    network.eval()
    for rows in by_length(np.array([len(track) for track in tracks], "i8"), _BATCH_OBSERVATIONS):
        logits, found = explain(network, *padded([tracks[row] for row in rows], _device_of(network)))
        importance |= {int(row): found[at, : len(tracks[row])] for at, row in enumerate(rows)}
        filtered[rows] = logits < 0
    return [importance[row] for row in range(len(tracks))], filtered


def _take_away(
    network: "PersistenceNetwork",
    track: np.ndarray,
    importance: np.ndarray,
    settings: FaithfulnessSettings,
    random: np.random.Generator,
) -> np.ndarray:
    """Deletion, insertion, comprehensiveness and sufficiency of a track: f8[4, 2], by importance and at random."""
    count = len(track)
    first = np.argsort(-importance, kind="stable")
    orders = np.stack([first, *(random.permutation(count) for _ in range(settings.random_orders))])
    rank = np.argsort(orders, axis=1)
    # Never all of them: the network has no answer to nothing.
    steps = np.unique(np.linspace(1, count - 1, min(_STEPS, count - 1)).round().astype(int))
    few = max(1, round(settings.share * count))
    sizes = np.append(steps, few)
    without, only = rank[:, None] >= sizes[:, None], rank[:, None] < sizes[:, None]  # [orders, sizes, T]
    everything = np.ones((1, count), bool)
    confidence = _confidence(network, track, np.concatenate([everything, *without, *only]))
    whole, rest = confidence[0], confidence[1:].reshape(2, len(orders), len(sizes))
    curves = rest[..., :-1].mean(axis=-1)
    lost = whole - rest[..., -1]
    quantities = np.stack([curves[0], curves[1], lost[0], lost[1]])
    return np.column_stack([quantities[:, 0], quantities[:, 1:].mean(axis=1)])


def _confidence(network: "PersistenceNetwork", track: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """The confidence in the decision that the first row of ``kept`` bool[M, T] brings, for every row, f8[M]."""
    import torch

    device = _device_of(network)
    features = torch.from_numpy(track).to(device)
    step = max(1, _BATCH_OBSERVATIONS // len(track))
    with torch.inference_mode():
        logits = torch.cat(
            [
                network(features.expand(len(part), -1, -1), part).logits
                for part in torch.from_numpy(kept).to(device).split(step)
            ]
        )
        things = (logits.double() / network.temperature).sigmoid().cpu().numpy()
    return things if things[0] >= 0.5 else 1 - things


def _against(values: np.ndarray, higher_is_better: bool) -> Against:
    """Of values [tracks, (importance, random)]."""
    from scipy.stats import wilcoxon

    gain = (values[:, 0] - values[:, 1]) * (1 if higher_is_better else -1)
    p = float(wilcoxon(gain, alternative="greater").pvalue) if gain.any() else 1.0
    return Against(importance=float(values[:, 0].mean()), random=float(values[:, 1].mean()), p=p)


def _pointing(importance: Sequence[np.ndarray], filtered: np.ndarray, spoilt: Sequence[np.ndarray]) -> Pointing | None:
    some = [at for at, flags in enumerate(spoilt) if flags.any() and not flags.all()]
    tried = [at for at in some if filtered[at]]
    if not tried:
        return None
    hits = [bool(spoilt[at][importance[at].argmax()]) for at in tried]
    chance = [float(spoilt[at].mean()) for at in tried]
    return Pointing(
        tracks=len(tried),
        overlooked=len(some) - len(tried),
        accuracy=float(np.mean(hits)),
        chance=float(np.mean(chance)),
    )


def _alike_when_randomised(
    network: "PersistenceNetwork",
    explain: Explainer,
    tracks: Sequence[np.ndarray],
    importance: Sequence[np.ndarray],
    seed: int,
) -> float:
    """Mean rank correlation of the importance with that of a network of the same kind with random weights."""
    import torch
    from scipy.stats import spearmanr

    from videotracks.persistence.classifier.model import PersistenceNetwork

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        fresh = PersistenceNetwork(network.settings).to(_device_of(network)).eval()
    others, _ = _explained(fresh, explain, tracks)
    alike = [
        float(spearmanr(own, other).statistic) if np.ptp(own) > 0 and np.ptp(other) > 0 else 1.0
        for own, other in zip(importance, others, strict=True)
    ]
    return float(np.mean(alike))


def _verdict(
    deletion: Against, insertion: Against, alike: float, pointing: Pointing | None, settings: FaithfulnessSettings
) -> tuple[list[str], bool]:
    """What importance passed and failed, and whether it passed all."""
    tests = []
    for name, found in (("deletion", deletion), ("insertion", insertion)):
        text = f"{name}: {found.importance:.3f} against {found.random:.3f} of random orders, p = {found.p:.1g}"
        tests.append((found.p < settings.max_p, text))
    tests.append((alike <= settings.max_alike, f"random weights: rank correlation {alike:.2f}"))
    if pointing is None:
        tests.append((False, "pointing: no filtered track with spoilt observations to try it on"))
    else:
        text = f"pointing: {pointing.accuracy:.0%} of {pointing.tracks} tracks, {pointing.chance:.0%} by chance"
        tests.append((pointing.accuracy >= settings.min_pointing, text))
    return [f"{'passed' if passed else 'failed'}: {text}" for passed, text in tests], all(passed for passed, _ in tests)


def _device_of(network: "PersistenceNetwork") -> str:
    return str(network.temperature.device)
