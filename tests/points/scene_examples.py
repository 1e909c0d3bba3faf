"""Ground truth for point tracks: things that move as things do, seen through jitter, occlusion and wild points."""

from dataclasses import dataclass

import numpy as np

#: What a track belongs to, by its number in ``Scene.kind``.
KINDS = ("background", "body", "walker", "thrown")


@dataclass(frozen=True)
class Scene:
    """``truth`` f8[T, N, 3] m; ``measured`` f4[T, N, 3]; ``visible``, ``wild`` b1[T, N]; ``kind`` i8[N]."""

    truth: np.ndarray
    measured: np.ndarray
    visible: np.ndarray
    wild: np.ndarray
    kind: np.ndarray
    fps: float

    @property
    def moving(self) -> np.ndarray:
        """Tracks whose true path over the visible frames is longer than 1 cm."""
        path = np.zeros(self.kind.shape)
        for n in range(len(path)):
            seen = self.truth[self.visible[:, n], n]
            path[n] = np.linalg.norm(np.diff(seen, axis=0), axis=1).sum()
        return path > 0.01


def scene(
    count: int = 400,
    frames: int = 300,
    *,
    fps: float = 30.0,
    jitter_m: float = 0.005,
    correlation: float = 0.0,
    wild_share: float = 0.02,
    seed: int = 0,
) -> Scene:
    """A quarter each of background at rest, turning rigid bodies, people who walk, and things thrown and bounced.

    Jitter is normal, with the given correlation from frame to frame; wild points lie 5 to 80 cm off, one in five for
    two to five frames on end; half the tracks are hidden for one to three times, for 3 to 60 frames.
    """
    random = np.random.default_rng(seed)
    kind = np.arange(count) % len(KINDS)
    times = np.arange(frames) / fps
    makers = (_background, _bodies, _walkers, _thrown)
    truth = np.empty((frames, count, 3))
    for number, make in enumerate(makers):
        truth[:, kind == number] = make(random, times, int((kind == number).sum()))
    visible = _seen(random, frames, count)
    noise = random.normal(0, jitter_m, truth.shape)
    for t in range(1, frames):
        noise[t] = correlation * noise[t - 1] + np.sqrt(1 - correlation**2) * noise[t]
    wild, offset = _wild(random, truth.shape, wild_share)
    return Scene(truth, (truth + noise + offset).astype("f4"), visible, wild, kind, fps)


def _background(random, times, count):
    return np.tile(random.uniform((-3, -2, 2), (3, 2, 6), (count, 3)), (len(times), 1, 1))


def _bodies(random, times, count):
    """Ten points on each body, which drifts at up to 0.5 m/s and turns at up to 90 degrees/s."""
    points = np.empty((len(times), count, 3))
    for first in range(0, count, 10):
        local = random.uniform(-0.2, 0.2, (min(10, count - first), 3))
        direction = random.normal(0, 1, 3)
        velocity = direction / np.linalg.norm(direction) * random.uniform(0.02, 0.5)
        angle = random.uniform(-1.5, 1.5) * times
        turned = np.stack(
            [
                np.cos(angle)[:, None] * local[:, 0] - np.sin(angle)[:, None] * local[:, 2],
                np.tile(local[:, 1], (len(times), 1)),
                np.sin(angle)[:, None] * local[:, 0] + np.cos(angle)[:, None] * local[:, 2],
            ],
            axis=-1,
        )
        centre = random.uniform((-2, -1, 3), (2, 1, 5)) + velocity * times[:, None]
        points[:, first : first + 10] = centre[:, None] + turned
    return points


def _walkers(random, times, count):
    """Points on limbs: 1.2 m/s, with swings of a stride at about 1 Hz and its double."""
    phase, swing = random.uniform(0, 2 * np.pi, count), random.uniform(0.02, 0.35, count)
    stride = 2 * np.pi * random.uniform(0.8, 1.1)
    walked = 1.2 * times[:, None] + swing * np.sin(stride * times[:, None] + phase)
    lifted = 0.4 * swing * np.sin(2 * stride * times[:, None] + phase) + random.uniform(-1, 1, count)
    across = np.tile(random.uniform(3, 5, count), (len(times), 1))
    return np.stack([walked - 3, lifted, across], axis=-1)


def _thrown(random, times, count):
    """At rest, then thrown at 3 to 7 m/s, bouncing on the ground until it rests again."""
    points = np.empty((len(times), count, 3))
    for n in range(count):
        begin = random.uniform(0.2, 0.6) * times[-1]
        velocity = np.array([random.uniform(2, 5), 0, random.uniform(-1, 1)])
        rising, height, floor = random.uniform(2, 5), random.uniform(0.5, 1.5), 0.0
        fly = np.maximum(times - begin, 0)
        points[:, n] = random.uniform((-3, 0, 2), (0, 0, 5)) + velocity * (1 - np.exp(-fly[:, None]))
        points[:, n, 1] = _bouncing(fly, height, rising, floor)
    return points


def _bouncing(fly, height, rising, floor):
    heights, up, at, last = np.empty_like(fly), rising, height, 0.0
    for i, now in enumerate(fly):
        step = (now - last) / 8
        last = now
        for _ in range(8):
            at, up = at + up * step, up - 9.81 * step
            if at < floor:
                at, up = floor, -0.6 * up
        heights[i] = at
    return heights


def _seen(random, frames, count):
    seen = np.ones((frames, count), bool)
    for n in np.flatnonzero(random.random(count) < 0.5):
        for _ in range(random.integers(1, 4)):
            begin, length = random.integers(0, frames), random.integers(3, 61)
            seen[begin : begin + length, n] = False
    seen[random.integers(0, frames, count), np.arange(count)] = True
    return seen


def _wild(random, shape, share):
    frames, count, _ = shape
    wild, offset = np.zeros((frames, count), bool), np.zeros(shape)
    if share:
        for n, t in np.argwhere(random.random((count, frames)) < share / 1.5):
            length = random.integers(2, 6) if random.random() < 0.2 else 1
            direction = random.normal(0, 1, 3)
            offset[t : t + length, n] = direction / np.linalg.norm(direction) * random.uniform(0.05, 0.8)
            wild[t : t + length, n] = True
    return wild, offset
