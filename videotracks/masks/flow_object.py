"""One object that is followed: where it was seen last, what it looks like, and how it is found again."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from videotracks.masks.flow_colours import histogram, likeness_of, log_odds
from videotracks.masks.flow_fields import Field, FlowFields, Look
from videotracks.masks.flow_refinement import (
    SURE_PX,
    Box,
    Sighting,
    depth_px,
    even_box,
    moved_box,
    refine,
    rim_px,
    warp,
)

#: Share of the object's colours that stays as it was in the prompted frame; the rest follows the frames seen since.
KEPT_SHARE = 0.6
#: How fast recent colours of the object, those of the ground, and the usual area follow.
OBJECT_RATE, GROUND_RATE, AREA_RATE = 0.1, 0.5, 0.05
#: Colours are learnt from a mask whose own are at least so alike to those known.
LEARNING_LIKENESS = 0.7
#: An object is out of sight where less than this share of its usual area is left, or fewer pixels.
LEAST_SHARE, LEAST_PX = 0.03, 4
#: It is looked for during so many frames, in its last box widened by this share of the root of its area.
SEARCH_FRAMES, SEARCH_SHARE = 90, 1.0
#: Found is a part of this many times its usual area, whose colours are so alike to its own, and whose pixels are at
#: least this share of all in the search window that look like it.
FOUND_AREA, FOUND_LIKENESS, FOUND_SHARE = (0.25, 2.5), 0.8, 0.6
#: Log odds of colour from which a pixel looks like the object.
FOUND_ODDS = 1.0


@dataclass(frozen=True, slots=True)
class Followed:
    """An object as it is known after a frame."""

    seen: Sighting  # where it was seen last; while it is out of sight, where it is looked for
    first_colours: np.ndarray  # f32[COLOURS], in the prompted frame
    colours: np.ndarray  # f32[COLOURS], lately
    ground: np.ndarray  # f32[COLOURS], of what is around it
    usual_area: float  # px
    missing: int = 0  # frames since it was seen

    @classmethod
    def given(cls, chance: np.ndarray, look: Look) -> Self:
        """An object by its chance f32[h, w] in the whole frame, some of it above 0.5."""
        mask = chance > 0.5
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        area, size = int(mask.sum()), (mask.shape[1], mask.shape[0])
        box = even_box(columns[0], rows[0], columns[-1] + 1, rows[-1] + 1, rim_px(area), size)
        seen = Sighting(box, np.ascontiguousarray(chance[box.slices]))
        colours, ground = colours_of(seen, look)
        return cls(seen, colours, colours, ground, float(area))

    @property
    def known_colours(self) -> np.ndarray:
        """Its colours, f32[COLOURS]."""
        return KEPT_SHARE * self.first_colours + (1 - KEPT_SHARE) * self.colours

    def follow(self, fields: FlowFields, position: int, target: int) -> Self:
        """The object in frame ``target``, a neighbour of ``position``, before objects are told apart."""
        look, back, ahead = fields.look(target), fields.between(target, position), fields.between(position, target)
        if self.missing:
            return self._looked_for(look, back, ahead)
        height, width = look.gray.shape
        box = moved_box(self.seen, ahead, (width, height))
        if min(box.shape) <= 0:
            return self._lost()
        odds = log_odds(self.known_colours, self.ground)
        chance = refine(warp(self.seen, box, back), box, look, back, odds)
        area = np.count_nonzero(chance > 0.5)
        if area < max(LEAST_PX, LEAST_SHARE * self.usual_area):
            return self._lost()
        return replace(self, seen=Sighting(box, chance))

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

    def _lost(self) -> Self:
        return replace(self, missing=1)

    def _looked_for(self, look: Look, back: Field, ahead: Field) -> Self:
        """Where a part of the frame near its last place looks like it; its last place moves with the ground there."""
        if self.missing > SEARCH_FRAMES:
            return self
        step = np.median(ahead.steps[self.seen.box.flow_slices].reshape(-1, 2).astype("f4"), axis=0)
        height, width = look.gray.shape
        x0, y0, x1, y1 = np.array(self.seen.box) + np.tile(np.nan_to_num(step), 2)
        place = even_box(x0, y0, x1, y1, 0, (width, height))
        if min(place.shape) <= 0:
            place = self.seen.box
        moved = replace(self, seen=Sighting(place, np.zeros(place.shape, "f4")), missing=self.missing + 1)
        window = even_box(*place, SEARCH_SHARE * float(np.sqrt(self.usual_area)), (width, height))
        found = self._found_in(window, look)
        if found is None:
            return moved
        odds = log_odds(self.known_colours, self.ground)
        chance = refine(found.chance, found.box, look, back, odds)
        if not (chance > 0.5).any():
            return moved
        return replace(self, seen=Sighting(found.box, chance), missing=0)

    def _found_in(self, window: Box, look: Look) -> Sighting | None:
        import cv2

        own = self.known_colours
        code = look.code[window.slices]
        alike = (log_odds(own, self.ground)[code] > FOUND_ODDS).astype("u1")
        joined = cv2.morphologyEx(alike, cv2.MORPH_CLOSE, np.ones((3, 3), "u1"))
        count, parts, stats, _ = cv2.connectedComponentsWithStats(joined)
        if count < 2:
            return None
        main = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
        area, mask = int(stats[main, cv2.CC_STAT_AREA]), parts == main
        least, most = FOUND_AREA
        if not least * self.usual_area <= area <= most * self.usual_area or area < FOUND_SHARE * joined.sum():
            return None
        if likeness_of(histogram(code, mask), own) < FOUND_LIKENESS:
            return None
        return Sighting(window, mask.astype("f4"))


def colours_of(seen: Sighting, look: Look) -> tuple[np.ndarray, np.ndarray]:
    """The colours of an object and of the ground in its box, f32[COLOURS] each; of thin objects all their pixels."""
    depth, code = depth_px(seen.mask), look.code[seen.box.slices]
    sure = depth > SURE_PX
    return histogram(code, sure if sure.any() else seen.mask), histogram(code, depth < -SURE_PX)
