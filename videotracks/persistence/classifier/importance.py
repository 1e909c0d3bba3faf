"""How much each observation mattered to a decision.

Four answers, of which ``faithfulness`` finds out by experiment which one is true: the attention that observations
receive, its rollout through the layers (Abnar and Zuidema, "Quantifying Attention Flow in Transformers", 2020), the
same weighted by the gradient of the decision (Chefer et al., "Generic Attention-model Explainability", 2021), and the
weights of the pooling alone.
"""

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

if TYPE_CHECKING:
    import torch

    from videotracks.persistence.classifier.model import Decided, PersistenceNetwork

Method = Literal["received", "rollout", "gradient", "pooling"]
METHODS: tuple[Method, ...] = get_args(Method)
#: The one that stands in predictions.
CHOSEN: Method = "gradient"


def get_frame_importance(
    network: "PersistenceNetwork", features: "torch.Tensor", there: "torch.Tensor", method: Method = CHOSEN
) -> tuple[np.ndarray, np.ndarray]:
    """Logits f4[B] (as they are, no temperature) and importance f4[B, T] of tracks as ``padded`` gives them.

    Importance is 0 and more, 0 for what is not there, and sums to 1 for each track. It is that for the decision taken,
    whichever it is. The network must be in ``eval`` mode.
    """
    import torch

    wanted = method == "gradient"
    with torch.set_grad_enabled(wanted):
        decided = network(features, there)
        found = _weighted_by_gradient(decided) if wanted else _attention_alone(decided, there, method)
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

    towards = torch.where(decided.logits > 0, decided.logits, -decided.logits).sum()
    weights = (*decided.attention, decided.pooling)
    gradients = torch.autograd.grad(towards, weights)
    *layers, last = [(gradient * weight).clamp(min=0) for gradient, weight in zip(gradients, weights, strict=True)]
    count = last.shape[1]
    flow = torch.eye(count, device=last.device).expand(len(last), -1, -1)
    for layer in layers:
        flow = flow + layer.mean(dim=1) @ flow
    return (last[:, None, :] @ flow)[:, 0]
