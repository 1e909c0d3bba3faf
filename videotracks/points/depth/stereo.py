"""Depth from pairs of calibrated views: which two belong together, and what they see."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, Field

from videotracks.geometry.camera import Camera
from videotracks.geometry.visibility import in_frame
from videotracks.points.depth.rectification import RectifiedPair, Search
from videotracks.points.synchronised import shrunk

#: Rays per side of the picture and depths between near and far, by which views are compared.
_RAYS, _DEPTHS = 12, 8
#: The parallax that is best for semi-global matching: less is imprecise, more changes what a surface looks like.
_BEST_PARALLAX_DEG = 6.0
#: Below it, one disparity is more than a tenth of the depth at usual focal lengths.
_LEAST_PARALLAX_DEG = 0.5
#: Cosine of the axes to the baseline: beyond it (37 degrees) one camera stands so far before the other that little of
#: its picture can be turned into rows.
_MOST_ALONG = 0.8
#: The nearest depth that is searched is one in which this share of the rays meets the other picture.
_RAYS_THAT_MEET = 0.1


class StereoSettings(BaseModel, frozen=True, extra="forbid"):
    """How depth is found from two views."""

    near_m: float = Field(default=0.3, gt=0, lt=65, description="m; nothing nearer is searched for")
    longest_px: int = Field(default=640, ge=64, le=8192, description="px of the longer side at which views are matched")
    most_disparities: int = Field(default=256, ge=16, le=1024, multiple_of=16, description="px that are searched")
    block_px: int = Field(default=5, ge=1, le=21, description="px, odd: side of what is compared")
    uniqueness_percent: int = Field(default=5, ge=0, le=50, description="by which the best match must lead")
    speckle_px: int = Field(default=100, ge=0, le=10_000, description="px; smaller islands of depth are dropped")
    left_right_px: float = Field(default=1.0, gt=0, le=16, description="px by which both directions may differ")
    most_parallax_deg: float = Field(default=25.0, gt=1, le=60, description="degrees between the rays to a point")
    least_overlap: float = Field(default=0.25, gt=0, le=1, description="share of a view that the other must see, too")

    def model_post_init(self, _: object) -> None:
        """A block has a middle."""
        if self.block_px % 2 == 0:
            raise ValueError(f"block_px must be odd, got {self.block_px}")


@dataclass(frozen=True, slots=True)
class Partner:
    """What a view is matched with: ``overlap`` is the share of its rays and depths that the other sees, too."""

    view: int
    overlap: float
    parallax_deg: float
    baseline_m: float
    nearest_m: float

    @property
    def score(self) -> float:
        """More is better."""
        ratio = self.parallax_deg / _BEST_PARALLAX_DEG
        return self.overlap * min(ratio, 1 / ratio)


def choose_partners(
    cameras: Sequence[Camera], settings: StereoSettings, far_m: float
) -> tuple[list[Partner | None], list[str]]:
    """The best partner of each view, None where no other view can be matched; and per view why not, or ''.

    Compared are rays through a grid of pixels at depths from near to far: how many the other view sees, and at which
    angle.
    """
    chosen: list[Partner | None] = []
    reasons = []
    for view, camera in enumerate(cameras):
        found = {o: _compared(camera, other, o, settings, far_m) for o, other in enumerate(cameras) if o != view}
        fit = [partner for partner in found.values() if isinstance(partner, Partner)]
        chosen.append(max(fit, key=lambda partner: partner.score) if fit else None)
        why = "; ".join(f"{cameras[o].camera_id} {said}" for o, said in found.items() if isinstance(said, str))
        reasons.append("" if fit else why or "there is no other view")
    return chosen, reasons


def _compared(camera: Camera, other: Camera, number: int, settings: StereoSettings, far_m: float) -> Partner | str:
    """What a view makes of another: a partner, or why it is none."""
    baseline = other.center - camera.center
    baseline_m = float(np.linalg.norm(baseline))
    if not baseline_m:
        return "stands at the same place"
    if max(abs(c.R[2] @ baseline) for c in (camera, other)) > _MOST_ALONG * baseline_m:
        return "stands before or behind it"
    x, y = np.meshgrid(*((np.arange(_RAYS) + 0.5) * size / _RAYS - 0.5 for size in (camera.width, camera.height)))
    depths = np.geomspace(settings.near_m, far_m, _DEPTHS)
    pixels = np.broadcast_to(np.stack([x, y], axis=-1).reshape(-1, 2), (_DEPTHS, _RAYS**2, 2))
    points = camera.lift(pixels, np.repeat(depths[:, None], _RAYS**2, axis=1))
    seen = in_frame(other, other.project(points)[0])
    overlap = float(seen.mean())
    if overlap < settings.least_overlap:
        return f"sees {overlap:.0%} of its space, {settings.least_overlap:.0%} are needed"
    to_us, to_them = camera.center - points[seen], other.center - points[seen]
    cosine = (to_us * to_them).sum(axis=1) / (np.linalg.norm(to_us, axis=1) * np.linalg.norm(to_them, axis=1))
    parallax = float(np.degrees(np.median(np.arccos(np.clip(cosine, -1, 1)))))
    if not _LEAST_PARALLAX_DEG <= parallax <= settings.most_parallax_deg:
        return f"sees it at {parallax:.1f}°, {_LEAST_PARALLAX_DEG}° to {settings.most_parallax_deg:g}° can be matched"
    nearest = float(depths[seen.mean(axis=1) >= _RAYS_THAT_MEET].min(initial=far_m))
    return Partner(number, overlap, parallax, baseline_m, nearest)


class StereoMatcher:
    """Depth of views from their partners: each pair is rectified once, and matched once for both where both want it.

    ``cameras`` as the pictures are; ``partners`` from ``choose_partners``. ``left_out`` says by view why a chosen pair
    cannot be rectified after all.
    """

    def __init__(
        self, cameras: Sequence[Camera], partners: Sequence[Partner | None], settings: StereoSettings, far_m: float
    ) -> None:
        self._cameras, self._settings = cameras, settings
        self._small = [shrunk(camera, _times(camera, settings)) for camera in cameras]
        self._pairs: dict[tuple[int, int], RectifiedPair] = {}
        self._wanted: dict[tuple[int, int], set[int]] = {}
        self.left_out: dict[int, str] = {}
        for view, partner in enumerate(partners):
            if partner is None:
                continue
            pair = (min(view, partner.view), max(view, partner.view))
            try:
                if pair not in self._pairs:
                    self._pairs[pair] = self._rectified(pair, partner, far_m)
                self._wanted.setdefault(pair, set()).add(view)
            except ValueError as error:
                self.left_out[view] = f"{cameras[partner.view].camera_id}: {error}"

    def _rectified(self, pair: tuple[int, int], partner: Partner, far_m: float) -> RectifiedPair:
        chosen = self._settings
        search = Search(
            near_m=min(max(chosen.near_m, partner.nearest_m), far_m / 2),
            far_m=far_m,
            most_disparities=chosen.most_disparities,
            block_px=chosen.block_px,
            uniqueness_percent=chosen.uniqueness_percent,
            speckle_px=chosen.speckle_px,
            left_right_px=chosen.left_right_px,
        )
        left, right = pair
        return RectifiedPair(
            (self._cameras[left], self._cameras[right]), (self._small[left], self._small[right]), search
        )

    @property
    def views(self) -> set[int]:
        """The views that get depth."""
        return set().union(*self._wanted.values())

    @property
    def views_needed(self) -> set[int]:
        """The views whose pictures are needed for that."""
        return {view for pair in self._wanted for view in pair}

    def nearest_m(self, view: int) -> float:
        """From which depth on surfaces of a view are found, m."""
        return next(self._pairs[pair].nearest_m for pair, wanting in self._wanted.items() if view in wanting)

    def depths(self, pictures: dict[int, np.ndarray]) -> Iterator[tuple[int, np.ndarray]]:
        """View and depth f32[H, W] m, 0 where unknown, from pictures RGB u8[H, W, 3] of ``views_needed``."""
        small = {view: self._grey(view, picture) for view, picture in pictures.items() if view in self.views_needed}
        for pair, wanting in self._wanted.items():
            both = self._pairs[pair].depths((small[pair[0]], small[pair[1]]))
            for view, depth_m in zip(pair, both, strict=True):
                if view in wanting:
                    yield view, depth_m

    def _grey(self, view: int, picture: np.ndarray) -> np.ndarray:
        import cv2

        camera, times = self._small[view], _times(self._cameras[view], self._settings)
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[: camera.height * times, : camera.width * times]
        return cv2.resize(grey, (camera.width, camera.height), interpolation=cv2.INTER_AREA) if times > 1 else grey


def _times(camera: Camera, settings: StereoSettings) -> int:
    """How many times smaller the pictures of a camera are matched."""
    return math.ceil(max(camera.width, camera.height) / settings.longest_px)
