"""Person detection by OpenCV's built-in detector: oriented gradients and a linear SVM, no download."""

from functools import cached_property
from typing import Any

import numpy as np

from videotracks.people.detectors import clip_boxes, non_maximum_suppression, overlaps

#: Frames are scaled to this many pixels (768x432), and the cost does not depend on the video. The window
#: fits persons of 96 px: 22 % of the height of such a frame.
WORKING_PIXELS = 768 * 432
#: Replicated border, as a share of the shorter side: the window wants ground around a person, and without
#: a border whoever fills the frame's height or leaves it is missed (a third is found, with it nine of ten).
BORDER = 0.15
#: Ground around the person in a window, as a share of its width and height, measured on real clips.
MARGIN_X, MARGIN_Y = 0.16, 0.075
#: SVM score from which a window counts; from 0 on, as OpenCV has it, persons in dark clothes are missed.
HIT_THRESHOLD = -0.4
SCALE_STEP, STRIDE_PX = 1.05, 8
NMS_IOU, NMS_NESTED = 0.4, 0.8
#: Windows that overlap the best one this much are the same person: their mean is steadier than any of them.
SAME_PERSON_IOU = 0.6
#: Score added before scores are compared by ratio, so that all that count are positive.
SCORE_BASE = 0.7
#: Small windows are many and fire on the limbs and patterns of big persons. Of two that overlap, the higher
#: (score + SCORE_BASE) * height ** LARGER_WINS remains.
LARGER_WINS = 0.85
#: The same bias, smaller, in the confidence of windows that overlap nothing.
LARGER_IS_LIKELIER = 0.3
#: Logistic from that evidence to confidence, the slope fitted on real and drawn persons. The midpoint is a
#: little below the fitted 1.19: a tracker drops what appears once, but cannot find what is not there.
SLOPE, MIDPOINT = 4.3, 1.1


class HogDetector:
    """OpenCV's default people detector, tuned for whole, upright persons; it knows no other poses.

    Confidence of a window of SVM score s, whose person takes the share h of the frame's height:
    1 / (1 + exp(-SLOPE ((s + SCORE_BASE) h ** LARGER_IS_LIKELIER - MIDPOINT))), so that about c of the boxes of
    confidence c are persons. Method: Dalal and Triggs, CVPR 2005.
    """

    name = "hog"

    def provenance(self) -> dict[str, str]:
        """Backend and OpenCV's version, which carries the model."""
        import cv2

        return {"backend": self.name, "opencv": str(cv2.__version__), "device": "cpu"}

    def detect(self, image_rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Persons in a frame RGB u8[H, W, 3]: boxes f32[N, 4] xyxy px, confidences f32[N], most confident first."""
        height, width = image_rgb.shape[:2]
        windows, scores = self._windows(image_rgb)
        strength = scores + SCORE_BASE
        share = np.clip((windows[:, 3] - windows[:, 1]) / height, 1e-3, 1)
        kept = non_maximum_suppression(
            clip_boxes(windows, width, height), strength * share**LARGER_WINS, max_iou=NMS_IOU, max_nested=NMS_NESTED
        )
        evidence = (strength * share**LARGER_IS_LIKELIER)[kept]
        confidences = (1 / (1 + np.exp(-SLOPE * (evidence - MIDPOINT)))).astype("f4")
        bboxes = np.array([_mean_of_similar(windows, strength, row) for row in kept], "f4").reshape(-1, 4)
        bboxes = clip_boxes(bboxes, width, height)
        best = np.argsort(-confidences, kind="stable")
        best = best[(bboxes[best, 2:] > bboxes[best, :2]).all(axis=1)]
        return bboxes[best], confidences[best]

    @cached_property
    def _model(self) -> Any:
        import cv2

        model = cv2.HOGDescriptor()
        model.setSVMDetector(np.asarray(cv2.HOGDescriptor.getDefaultPeopleDetector(), "f4"))
        return model

    def _windows(self, image_rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Persons' boxes f32[N, 4] xyxy px, not clipped, and SVM scores f32[N] of all windows that fire."""
        import cv2

        height, width = image_rgb.shape[:2]
        scale = (WORKING_PIXELS / (height * width)) ** 0.5
        size = max(1, round(width * scale)), max(1, round(height * scale))
        small = cv2.resize(image_rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        border = round(BORDER * min(size))
        # OpenCV reads beyond an image that is smaller than the window.
        below, right = (max(border, least - border - side) for least, side in zip((160, 96), size[::-1], strict=True))
        small = cv2.copyMakeBorder(small, border, below, border, right, cv2.BORDER_REPLICATE)
        windows, scores = self._model.detectMultiScale(
            cv2.cvtColor(small, cv2.COLOR_RGB2BGR), hitThreshold=HIT_THRESHOLD, winStride=(STRIDE_PX, STRIDE_PX),
            padding=(STRIDE_PX, STRIDE_PX), scale=SCALE_STEP, groupThreshold=0,
        )  # fmt: skip
        x, y, w, h = np.array(windows, "f4").reshape(-1, 4).T
        left, top = x - border + MARGIN_X * w, y - border + MARGIN_Y * h
        boxes = np.stack([left, top, left + (1 - 2 * MARGIN_X) * w, top + (1 - 2 * MARGIN_Y) * h], axis=1)
        per_px = np.array([width / size[0], height / size[1]] * 2, "f4")
        return (boxes * per_px).astype("f4"), np.array(scores, "f4").reshape(-1)


def _mean_of_similar(windows: np.ndarray, strength: np.ndarray, row: int) -> np.ndarray:
    """The mean f32[4], weighted by strength, of the windows that show what the one in ``row`` shows."""
    same = overlaps(windows[row], windows)[0] >= SAME_PERSON_IOU
    return np.average(windows[same], axis=0, weights=strength[same])
