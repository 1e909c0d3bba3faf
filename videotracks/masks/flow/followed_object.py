"""One object that is followed: where it was seen last, what it looks like, and how it is found again."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from videotracks.masks.flow.colours import histogram, likeness_of, log_odds
from videotracks.masks.flow.fields import SHRINK, Field, FlowFields, Look
from videotracks.masks.flow.refinement import SURE_PX, Box, Sighting, boxed, depth_px, even_box, moved_box, refine, warp
from videotracks.masks.flow.search import found_again, leap, search_window

#: Share of the object's colours that stays as it was in the prompted frame; the rest follows the frames seen since.
KEPT_SHARE = 0.6
#: How fast recent colours of the object, those of the ground, and the usual area follow.
OBJECT_RATE, GROUND_RATE, AREA_RATE = 0.1, 0.5, 0.05
#: Colours are learnt from a mask whose own are at least so alike to those known.
LEARNING_LIKENESS = 0.7
#: An object is out of sight where less than this share of its usual area is left, or fewer pixels.
LEAST_SHARE, LEAST_PX = 0.03, 4
#: It is looked for during so many frames.
SEARCH_FRAMES = 90
#: From this share of its pixels unmatched or gone, the flow has lost an object.
LOST_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Followed:
    """An object as it is known after a frame."""

    seen: Sighting  # where it was seen last; while it is out of sight, where it is looked for
    first_colours: np.ndarray  # f32[COLOURS], in the prompted frame
    colours: np.ndarray  # f32[COLOURS], lately
    ground: np.ndarray  # f32[COLOURS], of what is around it
    usual_area: float  # px
    missing: int = 0  # frames since it was seen
    step: tuple[float, float] = (0.0, 0.0)  # x, y in px that its centre moved lately, per frame

    @classmethod
    def given(cls, chance: np.ndarray, look: Look) -> Self:
        """An object by its chance f32[h, w] in the whole frame, some of it above 0.5."""
        mask = chance > 0.5
        box = boxed(mask, (0, 0), (mask.shape[1], mask.shape[0]))
        seen = Sighting(box, np.ascontiguousarray(chance[box.slices]))
        colours, ground = colours_of(seen, look)
        return cls(seen, colours, colours, ground, float(np.count_nonzero(mask)))

    @property
    def known_colours(self) -> np.ndarray:
        """Its colours, f32[COLOURS]."""
        return KEPT_SHARE * self.first_colours + (1 - KEPT_SHARE) * self.colours

    def follow(self, fields: FlowFields, position: int, target: int) -> Self:
        """The object in frame ``target``, a neighbour of ``position``, before objects are told apart."""
        if self.missing:
            return self._looked_for(fields, position, target)
        before, look, ahead = fields.look(position), fields.look(target), fields.between(position, target)
        height, width = look.gray.shape
        box = moved_box(self.seen, ahead, (width, height))
        known = self._refined(box, fields.between(target, position).within(box.flow_slices), look)
        if self._is_lost_by(ahead, known) and (step := leap(self.seen, before, look, self.step)):
            corner = self.seen.box.x0 + step[0], self.seen.box.y0 + step[1]
            box = boxed(self.seen.mask, corner, (width, height))
            known = self._refined(box, Field.uniform((-step[0], -step[1]), box.shape), look)
        return known

    def checked(self) -> Self:
        """The object, out of sight if hardly a pixel of it is left."""
        gone = np.count_nonzero(self.seen.mask) < max(LEAST_PX, LEAST_SHARE * self.usual_area)
        return replace(self, missing=1) if gone else self

    def learn(self, look: Look) -> Self:
        """With the colours of the frame that it was just seen in, as far as they are its own."""
        if self.missing:
            return self
        colours, ground = colours_of(self.seen, look)
        area = np.count_nonzero(self.seen.mask)
        if likeness_of(colours, self.known_colours) < LEARNING_LIKENESS:
            colours = self.colours
        return replace(
            self,
            colours=(1 - OBJECT_RATE) * self.colours + OBJECT_RATE * colours,
            ground=(1 - GROUND_RATE) * self.ground + GROUND_RATE * ground,
            usual_area=(1 - AREA_RATE) * self.usual_area + AREA_RATE * area,
        )

    def _refined(self, box: Box, back: Field, look: Look) -> Self:
        """The object in ``box`` of the next frame, where ``back`` tells whence its pixels come."""
        if box.is_empty:
            return replace(self, missing=1)
        chance = refine(warp(self.seen, box, back), box, look, back, log_odds(self.known_colours, self.ground))
        seen, (x, y) = Sighting(box, chance), self.seen.centre
        known = replace(self, seen=seen).checked()
        if known.missing:
            return replace(self, missing=1)
        return replace(known, step=(seen.centre[0] - x, seen.centre[1] - y))

    def _is_lost_by(self, ahead: Field, known: Self) -> bool:
        """Whether the flow has no match for most of its pixels, or they are no longer there in the next frame."""
        mask = self.seen.mask
        unmatched = ahead.unmatched[self.seen.box.flow_slices][mask[::SHRINK, ::SHRINK]]
        left = 0 if known.missing else np.count_nonzero(known.seen.mask)
        most_unmatched = bool(len(unmatched)) and float(unmatched.mean()) > LOST_SHARE
        return most_unmatched or bool(left < (1 - LOST_SHARE) * np.count_nonzero(mask))

    def _looked_for(self, fields: FlowFields, position: int, target: int) -> Self:
        """Where a part of the frame near its last place looks like it; that place moves with the ground there."""
        if self.missing > SEARCH_FRAMES:
            return self
        look, box = fields.look(target), self.seen.box
        height, width = look.gray.shape
        steps = fields.between(position, target).steps[box.flow_slices].astype("f4").reshape(-1, 2)
        across, down = (SHRINK * round(float(step) / SHRINK) for step in np.median(steps, axis=0))
        moved = even_box(box.x0 + across, box.y0 + down, box.x1 + across, box.y1 + down, 0, (width, height))
        place = box if moved.is_empty else moved
        away = replace(self, seen=Sighting(place, np.zeros(place.shape, "f4")), missing=self.missing + 1)
        window = search_window(place, self.step, self.missing, self.usual_area, (width, height))
        found = found_again(window, look, self.known_colours, self.ground, self.usual_area)
        if found is None:
            return away
        back = Field.uniform((0, 0), found.box.shape)
        chance = refine(found.chance, found.box, look, back, log_odds(self.known_colours, self.ground))
        known = replace(self, seen=Sighting(found.box, chance), missing=0).checked()
        return away if known.missing else known


def colours_of(seen: Sighting, look: Look) -> tuple[np.ndarray, np.ndarray]:
    """The colours of an object and of the ground in its box, f32[COLOURS] each; of thin objects all their pixels."""
    depth, code = depth_px(seen.mask), look.code[seen.box.slices]
    sure = depth > SURE_PX
    return histogram(code, sure if sure.any() else seen.mask), histogram(code, depth < -SURE_PX)
