"""Depth as people look at it: near is bright."""

import numpy as np

from videotracks.points.depth.store import DepthStore

#: Pictures of each view, spread over its frames.
PER_VIEW = 2


def depth_tiles(store: DepthStore, per_view: int = PER_VIEW) -> tuple[list[np.ndarray], list[str]]:
    """A few frames of each view with depth, RGB u8[H, W, 3], and their labels; black where nothing is known.

    Brightness goes with the inverse of depth, from the 2nd to the 98th percentile of the picture.
    """
    import cv2

    tiles, labels = [], []
    for view, camera in enumerate(store.cameras):
        if not store.has_depth(view):
            continue
        count = store.frame_count(view)
        for t in sorted({(2 * i + 1) * count // (2 * per_view) for i in range(per_view)}):
            depth = store.frame(view, t)
            known = depth > 0
            inverse = np.divide(1, depth, out=np.zeros_like(depth), where=known)
            low, high = np.percentile(inverse[known], [2, 98]) if known.any() else (0, 1)
            level = np.clip((inverse - low) / max(high - low, 1e-6), 0, 1)
            colours = cv2.applyColorMap((level * 255).astype("u1"), cv2.COLORMAP_VIRIDIS)[..., ::-1]
            tiles.append(np.where(known[..., None], colours, 0).astype("u1"))
            labels.append(f"{camera} frame {t}")
    return tiles, labels
