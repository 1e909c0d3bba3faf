"""Objects of a frame told apart: a pixel that several claim goes to the one that it is likeliest to be of."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from videotracks.masks.flow.colours import UNSEEN_SHARE
from videotracks.masks.flow.fields import SHRINK, Look
from videotracks.masks.flow.followed_object import Followed
from videotracks.masks.flow.refinement import Sighting

#: Objects that share more than this share of the smaller one as they are given, such as a shirt and its wearer, are
#: no rivals: each keeps its pixels.
SHARED = 0.1


def layers_of(masks: Sequence[np.ndarray]) -> list[list[int]]:
    """Groups of masks bool[h, w] within which none lies on another, by their places; each takes the first that fits."""
    if not masks:
        return []
    flat = np.array([mask[::SHRINK, ::SHRINK].reshape(-1) for mask in masks], "f4")
    shared, areas = flat @ flat.T, flat.sum(axis=1)
    on_another = shared > SHARED * np.minimum(areas[:, None], areas)
    layers: list[list[int]] = []
    for index in range(len(masks)):
        layer = next((layer for layer in layers if not on_another[index, layer].any()), None)
        if layer is None:
            layers.append([index])
        else:
            layer.append(index)
    return layers


def told_apart(objects: Sequence[Followed], layers: Sequence[Sequence[int]], look: Look) -> list[Followed]:
    """The objects of a frame, of which no two in a layer claim the same pixel, by chance and colour."""
    apart = list(objects)
    for layer in layers:
        claims = [index for index in layer if not objects[index].missing]
        winner = np.full(look.code.shape, -1, "i4")
        best, chance_of_best = np.zeros(look.code.shape, "f4"), np.zeros(look.code.shape, "f4")
        for index in claims:
            box, chance = objects[index].seen
            own = np.sqrt(objects[index].known_colours + UNSEEN_SHARE)[look.code[box.slices]]
            claim = np.where(chance > 0.5, chance * own, 0)
            better = claim > best[box.slices]
            for kept, value in (
                (best, claim),
                (chance_of_best, chance),
                (winner, np.full_like(winner[box.slices], index)),
            ):
                kept[box.slices] = np.where(better, value, kept[box.slices])
        for index in claims:
            box, chance = objects[index].seen
            taken = (winner[box.slices] != index) & (winner[box.slices] >= 0)
            left = np.where(taken, np.minimum(chance, 1 - chance_of_best[box.slices]), chance)
            if taken.any():
                apart[index] = replace(objects[index], seen=Sighting(box, left)).checked()
    return apart
