"""A scenario to look at: the cloud of 3D points from above, and what a camera saw, with what was kept and filtered."""

from typing import TYPE_CHECKING, Any

import numpy as np

from videotracks.persistence.generator.scene import GeneratedTrack, Scene
from videotracks.persistence.scenarios.scene_scores import Cloud, SceneScore

if TYPE_CHECKING:
    from PIL.Image import Image

#: Colours that differ in lightness too: what is there, what is not, and what only frames the picture.
TRUE, FALSE, TRUTH = (23, 113, 60), (214, 69, 56), (170, 200, 182)
INK, SOFT, FAINT, GROUND, DARK = (31, 35, 40), (104, 112, 122), (222, 226, 231), (255, 255, 255), (28, 30, 34)
_CLOUD_PX, _VIEW_PX, _EDGE_PX, _DOT_PX = (560, 420), (640, 360), 34, 3
#: Around the objects and the cameras, m.
_MARGIN_M = 1.0
#: Frames of a view that are laid over one another.
_SHOWN_FRAMES = 5


def draw_cloud(scene: Scene, cloud: Cloud, title: str) -> "Image":
    """The 3D points of a scene from above, true and spurious ones, over the ways of the true objects."""
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("RGB", _CLOUD_PX, GROUND)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(13)
    plan = _Plan(scene)
    for metre in plan.metres:
        y = plan.pixel(np.array([[0, 0, metre]]))[0, 1]
        draw.line([(_EDGE_PX, y), (_CLOUD_PX[0], y)], fill=FAINT)
        draw.text((4, y), f"{metre} m", SOFT, font, anchor="lm")
    for way in scene.positions:
        there = way[np.isfinite(way).all(axis=1)]
        draw.line([tuple(point) for point in plan.pixel(there).tolist()], fill=TRUTH, width=5)
    for camera in scene.cameras:
        x, y = plan.pixel(camera.center[None])[0].tolist()
        draw.polygon([(x, y), (x - 7, y - 12), (x + 7, y - 12)], fill=INK)
    for which, color in ((~cloud.spurious, TRUE), (cloud.spurious, FALSE)):
        for x, y in plan.pixel(cloud.positions[which]).tolist():
            draw.ellipse([x - _DOT_PX, y - _DOT_PX, x + _DOT_PX, y + _DOT_PX], fill=color)
    told = f"{title}: {int((~cloud.spurious).sum())} points on objects, {int(cloud.spurious.sum())} spurious"
    draw.text((8, 6), told, INK, font)
    return picture


class _Plan:
    """From the world to a picture of it from above: x to the right, depth upward, one scale."""

    def __init__(self, scene: Scene) -> None:
        there = np.concatenate([scene.positions.reshape(-1, 3), [camera.center for camera in scene.cameras]])
        there = there[np.isfinite(there).all(axis=1)][:, [0, 2]]
        low, high = there.min(axis=0) - _MARGIN_M, there.max(axis=0) + _MARGIN_M
        room = np.array(_CLOUD_PX) - _EDGE_PX
        self._scale = float((room / (high - low)).min())
        self._middle = (low + high) / 2
        self.metres = list(range(int(np.ceil(low[1])), int(high[1]) + 1, 2))

    def pixel(self, positions: np.ndarray) -> np.ndarray:
        """f8[N, 2] px of positions f8[N, 3] m."""
        across, ahead = (positions[:, [0, 2]] - self._middle).T * self._scale
        width, height = _CLOUD_PX
        return np.stack([(_EDGE_PX + width) / 2 + across, (_EDGE_PX + height) / 2 - ahead], axis=1)


def draw_view(scene: Scene, score: SceneScore, camera: int) -> "Image":
    """What one camera saw: crops of some frames at their places, framed green where kept and red where filtered."""
    from PIL import Image, ImageDraw

    lens = scene.cameras[camera]
    scale = _VIEW_PX[0] / lens.width
    picture = Image.new("RGB", _VIEW_PX, DARK)
    draw = ImageDraw.Draw(picture)
    decided = list(zip(score.tracks, score.kept.tolist(), strict=True))
    for made, kept in sorted(decided, key=lambda each: each[1]):
        if made.track.camera == camera:
            _lay(picture, draw, made, scale, TRUE if kept else FALSE)
    return picture


def _lay(picture: "Image", draw: Any, made: GeneratedTrack, scale: float, color: tuple[int, ...]) -> None:
    from PIL import Image

    track = made.track
    places = np.unique(np.linspace(0, len(track) - 1, min(_SHOWN_FRAMES, len(track))).round().astype(int))
    for at in places.tolist():
        left, top, right, bottom = (round(float(edge) * scale) for edge in track.boxes[at])
        size = max(2, right - left), max(2, bottom - top)
        picture.paste(Image.fromarray(track.crops[at]).resize(size), (left, top))
        draw.rectangle([left, top, left + size[0], top + size[1]], outline=color, width=2)
