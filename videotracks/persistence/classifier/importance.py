"""How much each observation mattered to a decision.

Five answers, of which ``faithfulness`` finds out by experiment which ones are true: the attention that observations
receive, its rollout through the layers (Abnar and Zuidema, "Quantifying Attention Flow in Transformers", 2020), the
same weighted by the gradient of the decision (Chefer et al., "Generic Attention-model Explainability", 2021), the
weights of the pooling alone, and what becomes of the decision when no attention goes to an observation any more
("attention knockout", Geva et al., "Dissecting Recall of Factual Associations", 2023).
"""

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

if TYPE_CHECKING:
    import torch

    from videotracks.persistence.classifier.model import Decided, PersistenceNetwork

Method = Literal["received", "rollout", "gradient", "pooling", "knockout"]
METHODS: tuple[Method, ...] = get_args(Method)
#: The one that stands in predictions.
CHOSEN: Method = "knockout"


def get_frame_importance(
    network: "PersistenceNetwork", features: "torch.Tensor", there: "torch.Tensor", method: Method = CHOSEN
) -> tuple[np.ndarray, np.ndarray]:
    """Logits f4[B] (as they are, no temperature) and importance f4[B, T] of tracks as ``padded`` gives them.

    Importance is 0 and more, 0 for what is not there, and sums to 1 for each track. It is that for the decision taken,
    whichever it is. The network must be in ``eval`` mode.
    """
    import torch

    with torch.set_grad_enabled(method == "gradient"):
        decided = network(features, there)
        if method == "gradient":
            found = _weighted_by_gradient(decided)
        elif method == "knockout":
            found = _without_each(network, features, there, decided.logits)
        else:
            found = _attention_alone(decided, there, method)
    found = torch.where(there, found.detach(), 0)
    total = found.sum(dim=1, keepdim=True)
    found = torch.where(total > 0, found / total.clamp(min=1e-30), decided.pooling.detach())
    return decided.logits.detach().cpu().numpy(), found.cpu().numpy()


def _attention_alone(decided: "Decided", there: "torch.Tensor", method: Method) -> "torch.Tensor":
    import torch

    if method == "pooling":
        return decided.pooling
    means = [layer.mean(dim=1) for layer in decided.attention]
    if method == "received":
        # Rows of what is not there look at observations too, but nobody asks them.
        return (torch.stack(means).mean(dim=0) * there[:, :, None]).sum(dim=1)
    flow = torch.eye(there.shape[1], device=there.device).expand(len(there), -1, -1)
    for layer in means:
        flow = (layer + torch.eye(there.shape[1], device=there.device)) / 2 @ flow
    return (decided.pooling[:, None, :] @ flow)[:, 0]


def _weighted_by_gradient(decided: "Decided") -> "torch.Tensor":
    """Equations 5, 6 and 10 of Chefer et al., with the pooling as the last look."""
    import torch

    weights = (*decided.attention, decided.pooling)
    gradients = torch.autograd.grad(decided.logits.abs().sum(), weights)
    *layers, last = [(gradient * weight).clamp(min=0) for gradient, weight in zip(gradients, weights, strict=True)]
    count = last.shape[1]
    flow = torch.eye(count, device=last.device).expand(len(last), -1, -1)
    for layer in layers:
        flow = flow + layer.mean(dim=1) @ flow
    return (last[:, None, :] @ flow)[:, 0]


def _without_each(
    network: "PersistenceNetwork", features: "torch.Tensor", there: "torch.Tensor", logits: "torch.Tensor"
) -> "torch.Tensor":
    """By how much the odds of the decision fall when neither attention nor pooling sees an observation: their ratio.

    A ratio has no negative values: where nothing matters all are 1 and importance is equal, as it should be; an
    observation that speaks against the decision has less than the others. One more look at the batch for each of T.
    """
    import torch

    fall = torch.zeros_like(there, dtype=features.dtype)
    for at in range(there.shape[1]):
        rest = there.clone()
        rest[:, at] = False
        # Without its only observation there is no decision to compare with: it keeps what it has.
        rows = (rest.any(dim=1) & there[:, at]).nonzero()[:, 0]
        if len(rows):
            fall[rows, at] = (logits[rows] - network(features[rows], rest[rows]).logits) * logits[rows].sign()
    fall = (fall / network.temperature).masked_fill(~there, -torch.inf)
    return (fall - fall.amax(dim=1, keepdim=True)).exp()
