"""A generated scene: things that exist in 3D and are seen by two cameras, and tracks of what does not exist.

False tracks move like the images of things, but each camera sees its own: no point of the world belongs to them.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, Field

from videotracks.geometry.camera import Camera
from videotracks.persistence.crop_tracks import CropTrack
from videotracks.persistence.generator.bodies import ASPECTS, POSES, SHAPES, Body, body
from videotracks.persistence.generator.looks import Kind, Looks, draw_faded_looks, draw_looks
from videotracks.persistence.generator.painting import View, paint_crops, sensor_noise
from videotracks.persistence.generator.paths import HEIGHT, WIDTH, Path, draw_path, rig
from videotracks.persistence.generator.textures import World, color, place

Ranges = Literal["classic", "matched"]
#: Numbers of observations that a matched track may have, all equally often.
PREFIXES = (1, 2, 3, 5, 8, 16)


class SceneSettings(BaseModel, frozen=True, extra="forbid"):
    """What scenes are like, and how hard their tracks are to tell apart."""

    ranges: Ranges = Field(
        default="matched",
        description="classic: things are long, large and sure, the rest is not; matched: all are alike but in pixels",
    )
    world: World = Field(default="usual", description="shifted: other patterns, light, noise and sizes")
    frames: int = Field(default=50, ge=40, le=500)
    baseline_m: float = Field(default=1.0, gt=0, le=2, description="distance of the cameras")
    telling_gap: int = Field(
        default=10, ge=1, le=50, description="matched: a false track gives itself away every 1 to so many observations"
    )
    nuisance_gap: int = Field(default=14, ge=1, le=50, description="the same of a disturbance, in all tracks")
    show_through_least: float = Field(
        default=0.0, ge=0, le=1, description="opacity of a reflection where it gives itself away, at least"
    )
    show_through_most: float = Field(default=0.25, ge=0, le=1, description="the same, at most")
    nuisance: float = Field(default=0.6, ge=0, le=2, description="strength of light, haze, blur and glints")
    planted_share: float = Field(
        default=0.15, ge=0, le=1, description="share of tracks with one run of planted observations (things: decoys)"
    )


@dataclass(frozen=True, slots=True, eq=False)
class GeneratedTrack:
    """A track and the truth about it.

    ``label`` 1: a thing, 0: not. ``object_id`` is the row of ``Scene.positions``, −1 for what is no object.
    ``corrupted`` bool[T]: observations planted to decide about the track.
    """

    track: CropTrack
    label: int
    kind: Kind
    object_id: int
    corrupted: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """``positions`` f8[objects, frames, 3] m are the centres of the objects, NaN where absent."""

    seed: int
    cameras: tuple[Camera, Camera]
    tracks: list[GeneratedTrack]
    positions: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """How many things a scene holds, and how many false tracks each camera sees."""

    objects: int
    false: tuple[int, int]


def draw_counts(rng: np.random.Generator) -> Counts:
    """5 to 9 tracks a camera, 60 % of them things in the mean."""
    objects = int(rng.integers(3, 6))
    most = {3: (2, 2), 4: (2, 3), 5: (3, 4)}[objects]
    # Two false tracks to three things in the mean.
    share = objects * 2 / 3 - most[0]
    one, other = (most[int(rng.random() < share)] for _ in range(2))
    return Counts(objects, (one, other))


def generate_scene(seed: int, settings: SceneSettings, counts: Counts | None = None) -> Scene:
    """The scene of a seed; the same arguments always give the same scene. ``counts``: empty draws them."""
    return _Maker(seed, settings, counts).scene()


class _Maker:
    """One scene in the making: what its tracks share."""

    def __init__(self, seed: int, settings: SceneSettings, counts: Counts | None) -> None:
        self._rng = np.random.default_rng(seed)
        self._seed, self._settings = seed, settings
        self._counts = counts or draw_counts(self._rng)
        self._cameras = rig(settings.baseline_m)
        self._tracks: list[GeneratedTrack] = []
        self._views = self._light_up()
        self._ids = [self._rng.permutation(100)[: self._counts.objects + n] for n in self._counts.false]

    def scene(self) -> Scene:
        positions = np.full((self._counts.objects, self._settings.frames, 3), np.nan)
        for number in range(self._counts.objects):
            positions[number] = self._thing(number)
        for camera, count in enumerate(self._counts.false):
            for _ in range(count):
                self._false(camera)
        order = sorted(self._tracks, key=lambda made: (made.track.camera, made.track.track_id))
        return Scene(self._seed, self._cameras, order, positions)

    def _light_up(self) -> list[View]:
        """Both cameras' places under one light, each with its own exposure and sensor."""
        rng, settings = self._rng, self._settings
        frames, shifted = settings.frames, settings.world == "shifted"
        flicker = rng.normal(0, 0.05 * settings.nuisance, (frames, 1)) + rng.normal(0, 0.02, (frames, 3))
        slow = np.cumsum(rng.normal(0, 0.03 * settings.nuisance, (frames, 1)), axis=0)
        light = np.exp(slow - slow.mean() + flicker + rng.normal(-0.3 if shifted else 0, 0.12))
        veil = color(rng, settings.world) * 0.5 + 100
        return [
            View(
                place(rng, settings.world, WIDTH, HEIGHT),
                (light * np.exp(rng.normal(0, 0.1, 3))).astype("f4"),
                veil,
                sensor_noise(rng, rng.uniform(8, 14) if shifted else rng.uniform(2, 7)),
                settings.world,
            )
            for _ in self._cameras
        ]

    def _thing(self, number: int) -> np.ndarray:
        """A thing and its track in each camera; where it is, f8[frames, 3]."""
        rng = self._rng
        seen = body(rng, self._settings.world)
        path = self._path(seen.aspect, "persistent")
        pose = self._poses()
        frames = self._frames("persistent")
        for camera in range(2):
            if self._settings.ranges == "matched":
                frames = self._frames("persistent")
            looks = self._looks("persistent", len(frames))
            self._add(camera, "persistent", number, [seen], pose, path, frames, looks)
        return path.centers

    def _false(self, camera: int) -> None:
        rng = self._rng
        kind: Kind = ("reflection", "glare", "noise")[rng.choice(3, p=(0.5, 0.25, 0.25))]
        frames = self._frames(kind)
        looks = self._looks(kind, len(frames))
        shapes = ("lamp",) if kind == "glare" else SHAPES
        bodies = [body(rng, self._settings.world, shapes)]
        while len(bodies) <= looks.content.max():
            bodies.append(self._unlike(bodies[0]))
        shape = SHAPES[rng.integers(len(SHAPES))]  # a glare takes any form that a thing has
        path = self._path(rng.uniform(*ASPECTS[shape]), kind)
        self._add(camera, kind, -1, bodies, self._poses(), path, frames, looks, mirrored=bool(rng.random() < 0.5))

    def _unlike(self, other: Body) -> Body:
        """A body of plainly different colours, if a few tries find one."""
        for _ in range(_TRIES):
            found = body(self._rng, self._settings.world)
            if np.abs(found.mean_color - other.mean_color).max() > _UNLIKE:
                break
        return found

    def _path(self, aspect: float, kind: Kind) -> Path:
        sizes = _CLASSIC_SIZES_PX[kind] if self._settings.ranges == "classic" else _SIZES_PX[self._settings.world]
        return draw_path(self._rng, self._cameras, self._settings.frames, sizes, aspect)

    def _poses(self) -> np.ndarray:
        turns = self._rng.uniform(*_TURNS) * self._rng.choice([-1, 1])
        return np.round(self._rng.uniform(0, POSES) + turns * np.arange(self._settings.frames)).astype("i8")

    def _looks(self, kind: Kind, count: int) -> Looks:
        if self._settings.ranges == "classic" and kind != "persistent":
            return draw_faded_looks(self._rng, kind, count, self._settings)
        return draw_looks(self._rng, kind, count, self._settings)

    def _frames(self, kind: Kind) -> np.ndarray:
        """In which frames a track has observations, i8[T] rising: the detector misses some."""
        rng, frames = self._rng, self._settings.frames
        if self._settings.ranges == "classic":
            least, most = _CLASSIC_LENGTHS[kind]
            length = int(rng.integers(least, most + 1))
            begin = int(rng.integers(0, frames - length + 1))
            return np.arange(begin, begin + length)
        count = PREFIXES[rng.integers(len(PREFIXES))]
        steps = 1 + (rng.random(count - 1) < _MISSED)
        span = int(steps.sum()) + 1
        begin = int(rng.integers(0, max(frames - span, 0) + 1))
        numbers = begin + np.concatenate([[0], np.cumsum(steps)]).astype("i8")
        return np.minimum(numbers, frames - count + np.arange(count))

    def _confidences(self, kind: Kind, count: int) -> np.ndarray:
        rng = self._rng
        if self._settings.ranges == "matched":
            slow = np.cumsum(rng.normal(0, 0.02, count))
            return np.clip(rng.uniform(0.45, 0.97) + slow + rng.normal(0, 0.04, count), 0.3, 0.99)
        if kind == "persistent":
            return rng.uniform(0.85, 0.99, count)
        if kind == "noise":
            return rng.uniform(0.3, 0.6, count)
        return np.linspace(rng.uniform(0.6, 0.8), rng.uniform(0.3, 0.5), count)

    def _add(
        self,
        camera: int,
        kind: Kind,
        number: int,
        bodies: list[Body],
        poses: np.ndarray,
        path: Path,
        frames: np.ndarray,
        looks: Looks,
        mirrored: bool = False,
    ) -> None:
        rng = self._rng
        extents = path.boxes(self._cameras[camera])[frames]
        sides = np.tile(extents[:, 2:] - extents[:, :2], 2) * [-1, -1, 1, 1]
        jitter = rng.normal(0, rng.uniform(*_JITTER_PX), extents.shape)
        boxes = np.clip(extents + sides * rng.uniform(*_PADDING) + jitter, 0, np.tile([WIDTH, HEIGHT], 2))
        crops = paint_crops(rng, self._views[camera], bodies, poses[frames], looks, frames, extents, boxes, mirrored)
        used = [made for made in self._tracks if made.track.camera == camera]
        track = CropTrack(
            track_id=int(self._ids[camera][len(used)]),
            camera=camera,
            frame_numbers=frames,
            boxes=boxes.astype("f4"),
            confidences=self._confidences(kind, len(frames)).astype("f4"),
            crops=crops,
        )
        self._tracks.append(GeneratedTrack(track, int(kind == "persistent"), kind, number, looks.corrupted))


#: Levels by which bodies that noise takes for one another differ in a channel, and how often that is tried.
_UNLIKE, _TRIES = 60, 6
#: Poses a frame, of POSES a cycle: a step takes 10 to 40 frames.
_TURNS = (0.3, 1.2)
#: Share of frames in which the detector misses a thing.
_MISSED = 0.06
#: Standard deviation of an edge of a box from one frame to the next, least and most of a track.
_JITTER_PX = (0.5, 1.5)
#: What detectors leave around a thing, in sides of it.
_PADDING = (0.03, 0.1)
#: The longer side of a matched track's extent.
_SIZES_PX: dict[World, tuple[float, float]] = {"usual": (32, 110), "shifted": (70, 170)}
#: The original's ranges: observations and the longer side.
_CLASSIC_LENGTHS: dict[Kind, tuple[int, int]] = {
    "persistent": (20, 50), "reflection": (2, 5), "glare": (2, 5), "noise": (1, 1),
}  # fmt: skip
_CLASSIC_SIZES_PX: dict[Kind, tuple[float, float]] = {
    "persistent": (40, 100), "reflection": (20, 60), "glare": (20, 60), "noise": (10, 40),
}  # fmt: skip
