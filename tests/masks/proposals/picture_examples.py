"""Pictures whose regions and motion are known."""

import numpy as np

GREY = (120, 120, 120)
RED, BLUE, GREEN, YELLOW = (200, 40, 40), (40, 60, 200), (40, 160, 60), (220, 200, 60)


def flat(height: int = 180, width: int = 320, colour: tuple[int, int, int] = GREY) -> np.ndarray:
    return np.full((height, width, 3), colour, "u1")


def texture(height: int = 180, width: int = 320, seed: int = 0) -> np.ndarray:
    """Smooth blotches of grey, a few pixels wide: the same statistics everywhere."""
    import cv2

    noise = np.random.default_rng(seed).normal(0, 1, (height, width)).astype("f4")
    blotches = cv2.GaussianBlur(noise, (0, 0), 1.5)
    grey = np.clip(120 + 35 * blotches / max(float(blotches.std()), 1e-6), 0, 255).astype("u1")
    return np.repeat(grey[..., None], 3, axis=2)


def noisy(picture: np.ndarray, deviation: float = 6.0, seed: int = 0) -> np.ndarray:
    added = np.random.default_rng(seed).normal(0, deviation, picture.shape)
    return np.clip(picture + added, 0, 255).astype("u1")


def tiles() -> tuple[np.ndarray, list[np.ndarray]]:
    """Coloured boxes on grey, each of two parts, and the masks of the boxes."""
    picture, masks = flat(), []
    for x, (upper, lower) in zip((30, 130, 230), ((RED, BLUE), (GREEN, YELLOW), (BLUE, RED)), strict=True):
        picture[40:90, x : x + 50] = upper
        picture[90:140, x : x + 50] = lower
        mask = np.zeros(picture.shape[:2], bool)
        mask[40:140, x : x + 50] = True
        masks.append(mask)
    return picture, masks


def moving_square(shift: int = 4, side: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A square cut from a texture moves over the same texture: the frame, the next one, and the square's mask."""
    ground, square = texture(seed=1), texture(side, side, seed=2)
    frames = []
    for x in (120, 120 + shift):
        frame = ground.copy()
        frame[60 : 60 + side, x : x + side] = square
        frames.append(frame)
    mask = np.zeros(ground.shape[:2], bool)
    mask[60 : 60 + side, 120 : 120 + side] = True
    return *frames, mask


def seen_by_a_moving_camera(seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """The same texture twice, the second time turned, zoomed and shifted a little."""
    import cv2

    ground = texture(260, 400, seed=seed)
    turn = cv2.getRotationMatrix2D((200, 130), 1.0, 1.01)
    turn[:, 2] += (4, -2)
    turned = cv2.warpAffine(ground, turn, (400, 260), flags=cv2.INTER_CUBIC)
    return ground[40:220, 40:360].copy(), turned[40:220, 40:360].copy()


def iou(one: np.ndarray, two: np.ndarray) -> float:
    return float((one & two).sum() / (one | two).sum())
