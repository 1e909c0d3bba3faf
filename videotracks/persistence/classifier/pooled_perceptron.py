"""The baseline that shows what attention is worth: a perceptron on the mean of a track's features."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from videotracks.persistence.classifier.model import loss_of, whitening_of
from videotracks.persistence.classifier.settings import TrainingSettings


def train_perceptron(
    training: np.ndarray,
    labels: np.ndarray,
    validation: np.ndarray,
    validation_labels: np.ndarray,
    settings: TrainingSettings,
) -> Callable[[np.ndarray], np.ndarray]:
    """Train on features f4[N, F] with labels [N] of 0 and 1; gives the probability of a thing, f8[M], of others.

    Whitening, widths, optimiser, dropout, epochs and early stop are those of the classifier.
    """
    size, chance = settings.network, settings.network.dropout
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        network = nn.Sequential(
            nn.Linear(training.shape[1], size.feedforward),
            nn.GELU(),
            nn.Dropout(chance),
            nn.Linear(size.feedforward, size.hidden),
            nn.GELU(),
            nn.Dropout(chance),
            nn.Linear(size.hidden, 1),
        )
        optimiser = torch.optim.AdamW(
            network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        mean, whitening = whitening_of(training)
        x, y = (torch.from_numpy(training) - mean) @ whitening, torch.from_numpy(labels).float()
        judged, truth = (torch.from_numpy(validation) - mean) @ whitening, torch.from_numpy(validation_labels).float()
        best, best_loss, since = dict(network.state_dict()), np.inf, 0
        for epoch in range(settings.epochs):
            order = torch.from_numpy(np.random.default_rng((settings.seed, epoch)).permutation(len(x)))
            network.train()
            for rows in order.split(settings.batch):
                optimiser.zero_grad()
                loss_of(network(x[rows])[:, 0], y[rows]).backward()
                nn.utils.clip_grad_norm_(network.parameters(), settings.gradient_clip)
                optimiser.step()
            network.eval()
            with torch.inference_mode():
                loss = float(loss_of(network(judged)[:, 0], truth))
            since += 1
            if loss < best_loss:
                best_loss, since = loss, 0
                best = {name: tensor.clone() for name, tensor in network.state_dict().items()}
            if since >= settings.patience:
                break
    network.load_state_dict(best)
    network.eval()

    def score(features: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return network((torch.from_numpy(features) - mean) @ whitening)[:, 0].sigmoid().double().numpy()

    return score
