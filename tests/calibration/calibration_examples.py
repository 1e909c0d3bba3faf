"""Calibration files as each program writes them, and the views that they belong to."""

from pathlib import Path

import numpy as np

from videotracks.geometry.camera import Camera
from videotracks.recording import View


def view(camera: str, width: int = 1280, height: int = 720) -> View:
    return View(
        camera=camera, file=f"{camera}.mp4", codec="h264", pixel_format="yuv420p", width=width, height=height,
        rotation=0, fps=30, frame_count=1, duration_s=1 / 30, variable_frame_rate=False, tick=(1, 30), steps=[],
    )  # fmt: skip


def views_of(cameras) -> list[View]:
    return [view(camera.camera_id, camera.width, camera.height) for camera in cameras]


def assert_same(made: list[Camera], expected: list[Camera], *, exactly: bool = False) -> None:
    assert [c.camera_id for c in made] == [c.camera_id for c in expected]
    for one, other in zip(made, expected, strict=True):
        assert (one.width, one.height, one.fisheye) == (other.width, other.height, other.fisheye)
        for name in ("K", "distortion", "R", "t"):
            tolerance = 0 if exactly else 1e-9
            np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=tolerance, atol=tolerance)


def pose2sim_text(cameras, *, named=lambda camera_id: camera_id) -> str:
    import cv2

    tables = [
        f'[{named(c.camera_id)}]\nname = "{named(c.camera_id)}"\nsize = [ {float(c.width)}, {float(c.height)}]\n'
        f"matrix = {c.K.tolist()}\ndistortions = {c.distortion.tolist()}\n"
        f"rotation = {cv2.Rodrigues(c.R)[0][:, 0].tolist()}\ntranslation = {c.t.tolist()}\nfisheye = false\n\n"
        for c in cameras
    ]
    return "".join(tables) + "[metadata]\nadjusted = false\nerror = 0.0\n"


def write_opencv(path: Path, cameras, *, prefixed: bool = False, vector: bool = False) -> None:
    import cv2

    file = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    for c in cameras:
        prefix = f"{c.camera_id}_" if prefixed else ""
        file.write(f"{prefix}image_width", c.width)
        file.write(f"{prefix}image_height", c.height)
        file.write(f"{prefix}camera_matrix", c.K)
        file.write(f"{prefix}distortion_coefficients", c.distortion[:, None])
        file.write(f"{prefix}rvec" if vector else f"{prefix}R", cv2.Rodrigues(c.R)[0] if vector else c.R)
        file.write(f"{prefix}tvec" if vector else f"{prefix}T", c.t[:, None])
    file.release()
