"""All tracks at one glance: the scene from above and from the side, as a picture."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from pydantic import BaseModel, Field

from videotracks.geometry.camera import Camera
from videotracks.geometry.camera_path import ViewCamera
from videotracks.palette import Colour, color_of
from videotracks.points.pictures.plot_panels import FAINT, GROUND, INK, LEFT_PX, RIGHT_PX, TEXT_PX, Panel, font, lay_out
from videotracks.points.pictures.world_axes import guess_up, stations
from videotracks.points.tracks import PointTracks

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

#: The picture reaches over all but this share of the places at each end: a wild point must not shrink all others.
_OUTSIDE = 0.002
#: What a picture can show of a scene: longer videos leave frames out, and of more tracks some are left out.
_MOST_FRAMES, _MOST_TRACKS = 400, 1000
#: Places that are looked at to find how far a scene reaches.
_MOST_PLACES = 1 << 18
#: Fractions of a pixel in which lines are placed, as a power of two; and where drawing overflows, px.
_SHIFT, _FAR_PX = 4, 1 << 14
#: Marks: end of a track, camera, how far a camera looks.
_END_PX, _CAMERA_PX, _LOOK_PX = 2, 4, 18


class TrajectoryPlotSettings(BaseModel, frozen=True, extra="forbid"):
    """Size of the picture."""

    width_px: int = Field(default=1200, ge=320, le=8000, description="width of the picture, px")
    height_px: int = Field(default=600, ge=240, le=8000, description="height of the picture, px")


class _Drawn(NamedTuple):
    """What is drawn of an instance, track by track: places f4[N, F, 3] m, and where they are visible, bool[N, F]."""

    name: str
    color: Colour
    points: np.ndarray
    visible: np.ndarray
    every: int  # one of so many tracks is drawn


def draw_trajectories(
    instances: Mapping[int | str, PointTracks],
    cameras: Sequence[ViewCamera],
    settings: TrajectoryPlotSettings,
) -> np.ndarray:
    """All tracks from above and from the side, coloured by instance, with the cameras: RGB u8[height, width, 3].

    Axes are the world's, in metres; which one is up is guessed from the cameras, and the picture says so. Tracks are
    drawn where they are visible, with a dot where they are seen last; cameras that move with the way that they go.
    Without tracks the cameras alone are shown.
    """
    from PIL import Image, ImageDraw

    step = max(1, -(-sum(tracks.track_count for tracks in instances.values()) // _MOST_TRACKS))
    drawn = [_drawn(key, tracks, at, step) for at, (key, tracks) in enumerate(instances.items())]
    placed = stations(cameras)
    panels = lay_out(guess_up(placed), *_extent(drawn, placed), settings.width_px, settings.height_px)
    picture = Image.new("RGB", (settings.width_px, settings.height_px), GROUND)
    draw = ImageDraw.Draw(picture)
    for panel in panels:
        panel.draw_grid(draw)
    _draw_legend(draw, drawn, settings)
    rgb = np.array(picture)
    for panel in panels:
        inside = np.ascontiguousarray(rgb[panel.top : panel.bottom, panel.left : panel.right])
        for instance in drawn:
            _draw_tracks(inside, panel, instance)
        for camera in cameras:
            _draw_way(inside, panel, stations([camera]))
        rgb[panel.top : panel.bottom, panel.left : panel.right] = inside
    return rgb


def _drawn(key: int | str, tracks: PointTracks, at: int, every: int) -> _Drawn:
    stride = -(-tracks.frame_count // _MOST_FRAMES)
    points = tracks.tracks_3d[::stride, ::every].swapaxes(0, 1)
    visible = tracks.visible[::stride, ::every].T & np.isfinite(points).all(axis=2)
    color = color_of(key if isinstance(key, int) else at)
    return _Drawn(str(key), color, points, visible, every)


def _extent(drawn: Sequence[_Drawn], cameras: Sequence[Camera]) -> tuple[np.ndarray, np.ndarray]:
    """The corners f8[3] m of the box around cameras and tracks."""
    corners = [camera.center for camera in cameras]
    for instance in drawn:
        places = instance.points[instance.visible]
        if len(places):
            some = places[:: -(-len(places) // _MOST_PLACES)]
            corners.extend(np.quantile(some.astype("f8"), (_OUTSIDE, 1 - _OUTSIDE), axis=0))
    box = np.array(corners or [np.zeros(3)])
    return box.min(axis=0), box.max(axis=0)


def _draw_tracks(rgb: np.ndarray, panel: Panel, instance: _Drawn) -> None:
    """Lines between the places where a track is visible on end, and a dot where it is seen last."""
    import cv2

    pixels = np.clip(panel.pixels(instance.points.astype("f8")), -_FAR_PX, _FAR_PX)
    track, frame = np.nonzero(instance.visible)
    places = np.rint(pixels[track, frame] * (1 << _SHIFT)).astype("i4")
    breaks = np.flatnonzero((np.diff(track) != 0) | (np.diff(frame) != 1)) + 1
    lines = [line for line in np.split(places, breaks) if len(line)]
    cv2.polylines(rgb, lines, False, instance.color, 1, cv2.LINE_AA, _SHIFT)
    for x, y in places[np.flatnonzero(np.diff(track, append=-1) != 0)].tolist():
        cv2.circle(rgb, (x, y), _END_PX << _SHIFT, instance.color, -1, cv2.LINE_AA, _SHIFT)


def _draw_way(rgb: np.ndarray, panel: Panel, placed: Sequence[Camera]) -> None:
    """A camera where it stands first, and the way that it goes from there."""
    import cv2

    pixels = np.clip([panel.pixels(camera.center) for camera in placed], -_FAR_PX, _FAR_PX)
    cv2.polylines(rgb, [np.rint(pixels * (1 << _SHIFT)).astype("i4")], False, INK, 1, cv2.LINE_AA, _SHIFT)
    _draw_camera(rgb, panel, placed[0])


def _draw_camera(rgb: np.ndarray, panel: Panel, camera: Camera) -> None:
    """A dot where a camera stands, a line to where it looks, and its name."""
    import cv2

    place = panel.pixels(camera.center)
    ahead = panel.pixels(camera.center + camera.R[2] * (_LOOK_PX / panel.scale))
    (x, y), end = (np.rint(np.clip(at, -_FAR_PX, _FAR_PX)).astype(int).tolist() for at in (place, ahead))
    cv2.line(rgb, (x, y), end, INK, 1, cv2.LINE_AA)
    cv2.circle(rgb, (x, y), _CAMERA_PX, INK, -1, cv2.LINE_AA)
    name = camera.camera_id
    (width, _), _ = cv2.getTextSize(name, cv2.FONT_HERSHEY_SIMPLEX, 0.4, 1)
    left = min(max(x - width // 2, 2), rgb.shape[1] - width - 2)
    foot = min(max(y + (-9 if end[1] >= y else 17), 12), rgb.shape[0] - 4)
    cv2.putText(rgb, name, (left, foot), cv2.FONT_HERSHEY_SIMPLEX, 0.4, INK, 1, cv2.LINE_AA)


def _draw_legend(draw: "ImageDraw", drawn: Sequence[_Drawn], settings: TrajectoryPlotSettings) -> None:
    """The instances and their colours, as many as there is room for."""
    x, y, end = float(LEFT_PX), settings.height_px - 14, settings.width_px - RIGHT_PX
    for at, instance in enumerate(drawn):
        text = f"{instance.name} ({instance.points.shape[0]:,} tracks"
        text += f", 1 of {instance.every})" if instance.every > 1 else ")"
        wide = draw.textlength(text, font=font(TEXT_PX)) + 34
        rest = f"and {len(drawn) - at} more"
        if x + wide > end - (draw.textlength(rest, font=font(TEXT_PX)) if at + 1 < len(drawn) else 0):
            draw.text((x, y), rest, FAINT, font(TEXT_PX), anchor="lm")
            return
        draw.rectangle((x, y - 6, x + 12, y + 6), fill=instance.color)
        draw.text((x + 17, y), text, INK, font(TEXT_PX), anchor="lm")
        x += wide
    if not drawn:
        draw.text((x, y), "no tracks", FAINT, font(TEXT_PX), anchor="lm")
