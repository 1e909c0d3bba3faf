"""Cameras of all lenses that OpenCV knows, and a ring of them around a scene."""

import numpy as np
from hypothesis import strategies as st

from videotracks.geometry.camera import Camera

#: The sizes that coefficients have in real calibrations, in OpenCV's order.
TYPICAL = np.array([0.2, 0.1, 0.005, 0.005, 0.03, 0.1, 0.05, 0.02, 0.01, 0.01, 0.01, 0.01, 0.05, 0.05])
TYPICAL_FISHEYE = np.array([0.05, 0.02, 0.01, 0.005])


def rotation(vector) -> np.ndarray:
    import cv2

    return cv2.Rodrigues(np.asarray(vector, dtype="f8"))[0]


@st.composite
def lenses(draw):
    """Coefficients of any model, and whether it is the fisheye."""
    fisheye = draw(st.booleans())
    typical = TYPICAL_FISHEYE if fisheye else TYPICAL[: draw(st.sampled_from([0, 4, 5, 8, 12, 14]))]
    shares = draw(st.lists(st.floats(-1, 1), min_size=len(typical), max_size=len(typical)))
    return typical * np.array(shares, dtype="f8"), fisheye


@st.composite
def cameras(draw):
    """A camera up to a turn anywhere, two to six metres before the origin."""
    coefficients, fisheye = draw(lenses())
    width, height = draw(st.sampled_from([(1280, 720), (1088, 1920), (640, 480)]))
    focal = draw(st.floats(0.8, 2.0)) * width
    K = np.array([[focal, 0, width * draw(st.floats(0.4, 0.6))], [0, focal * 1.01, height / 2], [0, 0, 1]])
    turn = rotation([draw(st.floats(-2, 2)) for _ in range(3)])
    return Camera("cam", width, height, K, coefficients, fisheye, turn, np.array([0.1, -0.2, draw(st.floats(2, 6))]))


def ring(count: int, coefficients=(), *, radius_m: float = 4.0) -> list[Camera]:
    """Cameras that stand on a circle 1.5 m above the ground and look at the point 1 m above its centre."""
    made = []
    for number in range(count):
        angle = 2 * np.pi * number / count + 0.3
        center = np.array([radius_m * np.cos(angle), radius_m * np.sin(angle), 1.5])
        ahead = np.array([0, 0, 1.0]) - center
        ahead /= np.linalg.norm(ahead)
        right = np.cross(ahead, [0, 0, 1.0])
        right /= np.linalg.norm(right)
        R = np.stack([right, np.cross(ahead, right), ahead])
        K = np.array([[1000.0, 0, 640], [0, 1000, 360], [0, 0, 1]])
        made.append(Camera(f"cam_{number:02d}", 1280, 720, K, np.array(coefficients, "f8"), False, R, -R @ center))
    return made


def pinhole(**changes) -> Camera:
    """The plainest camera: at the origin, looking along z."""
    plain = {
        "camera_id": "cam_00", "width": 640, "height": 480, "K": np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]),
        "distortion": np.zeros(0), "fisheye": False, "R": np.eye(3), "t": np.zeros(3),
    }  # fmt: skip
    return Camera(**{**plain, **changes})
