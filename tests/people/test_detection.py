"""The detection pass: rows and crops belong together, nothing is left half done, memory stays bounded."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from videotracks.errors import ModelError, RecordingError
from videotracks.people import detection
from videotracks.people.crops import CropSettings, CropStore, pixel_box
from videotracks.people.detection import DetectionSettings, crop_recording, detect_recording
from videotracks.read_ahead import read_ahead
from videotracks.recording import Recording, probe_recording, read_frames, view_path
from videotracks.tables import Detections
from videotracks.video_writer import VideoWriter

EXACT = CropSettings(codec="exact")
WIDTH, HEIGHT = 96, 64


def scene(index: int) -> np.ndarray:
    """A bright square that walks to the right over a dark ground."""
    image = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    image[20:44, 4 + index : 16 + index] = (220, 60, 30)
    return image


def video(path: Path, frames: int) -> Path:
    with VideoWriter(path, WIDTH, HEIGHT, 25.0) as writer:
        for index in range(frames):
            writer.write(scene(index))
    return path


@pytest.fixture
def one_view(tmp_path) -> tuple[Recording, Path]:
    source = video(tmp_path / "clip.mp4", 30)
    return probe_recording(source, "clip"), source


@pytest.fixture
def two_views(tmp_path) -> tuple[Recording, Path]:
    (tmp_path / "pair").mkdir()
    video(tmp_path / "pair" / "cam_00.mp4", 12)
    video(tmp_path / "pair" / "cam_01.mp4", 20)
    return probe_recording(tmp_path / "pair", "pair"), tmp_path / "pair"


class SquareDetector:
    """Finds the bright square, and a less certain box at the corner."""

    name = "square"

    def provenance(self) -> dict[str, str]:
        return {"backend": self.name}

    def detect(self, image_rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        y, x = np.nonzero(image_rgb[..., 0] > 130)
        square = [x.min(), y.min(), x.max() + 1, y.max() + 1]
        return np.array([square, [-9, -9, 8.5, 5.2], [-9, -9, -1, -1]], "f4"), np.array([0.9, 0.5, 0.4], "f4")


class FailingDetector(SquareDetector):
    def detect(self, image_rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        raise ModelError("no model")


def detect(recording, source, path, detector=None, **settings) -> Detections:
    return detect_recording(recording, source, detector or SquareDetector(), path, DetectionSettings(**settings), EXACT)


def test_crop_i_shows_the_box_of_row_i(one_view, tmp_path):
    recording, source = one_view
    found = detect(recording, source, tmp_path / "c.h5")
    images = [frame.rgb() for frame in read_frames(view_path(source, recording.views[0]), recording.views[0])]
    with CropStore.open(tmp_path / "c.h5") as store:
        assert len(store) == found.row_count == 3 * 30
        assert np.array_equal(store.frame_numbers, found.frame_numbers)
        assert store.total_frames == 30
        for row, crop in enumerate(store.crops(slice(None))):
            left, top, right, bottom = pixel_box(found.bboxes[row], WIDTH, HEIGHT)
            assert crop.shape == (bottom - top, right - left, 3) or (crop.shape == (0, 0, 3) and left == right)
            assert np.array_equal(crop.ravel(), images[found.frame_numbers[row]][top:bottom, left:right].ravel())


def test_only_the_most_confident_are_kept_in_the_detectors_order(one_view, tmp_path):
    recording, source = one_view
    found = detect(recording, source, tmp_path / "c.h5", max_persons=2, min_confidence=0.45)
    assert found.num_detections_per_frame.tolist() == [2] * 30
    assert np.unique(found.confidences).tolist() == pytest.approx([0.5, 0.9])
    none = detect(recording, source, tmp_path / "d.h5", min_confidence=1.0)
    assert none.num_detections_per_frame.tolist() == [0] * 30
    assert none.bboxes.shape == (0, 4)


def test_views_come_one_after_the_other(two_views, tmp_path):
    recording, source = two_views
    told: list[tuple[int, int | None]] = []
    found = detect_recording(
        recording, source, SquareDetector(), tmp_path / "c.h5", DetectionSettings(), EXACT,
        lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert found.num_detections_per_frame.shape == (2, 20)
    assert found.num_detections_per_frame.sum(axis=1).tolist() == [36, 60]
    assert found.camera_ids.tolist() == [view.camera for view in recording.views]
    assert told == [(i + 1, 32) for i in range(32)]


def test_a_failing_detector_is_raised_and_leaves_no_file(one_view, tmp_path):
    recording, source = one_view
    with pytest.raises(ModelError, match="no model"):
        detect(recording, source, tmp_path / "c.h5", FailingDetector())
    assert not (tmp_path / "c.h5").exists()
    assert "decode" not in [thread.name for thread in threading.enumerate()]


def test_a_failing_encoder_is_raised_and_leaves_no_file(one_view, tmp_path, monkeypatch):
    def fail(self, rgb):
        raise MemoryError("encoder")

    monkeypatch.setattr(detection.CropWriter, "encode", fail)
    recording, source = one_view
    with pytest.raises(MemoryError, match="encoder"):
        detect(recording, source, tmp_path / "c.h5")
    assert not (tmp_path / "c.h5").exists()


def test_a_failing_decoder_is_raised_and_leaves_no_file(one_view, tmp_path, monkeypatch):
    def broken(path, view):
        yield from list(read_frames(path, view))[:3]
        raise RecordingError("cut off")

    monkeypatch.setattr(detection, "read_frames", broken)
    recording, source = one_view
    with pytest.raises(RecordingError, match="cut off"):
        detect(recording, source, tmp_path / "c.h5")
    assert not (tmp_path / "c.h5").exists()


@pytest.mark.parametrize("change", [-1, 1])
def test_a_video_with_another_number_of_frames_is_refused(one_view, tmp_path, monkeypatch, change):
    recording, source = one_view
    frames = list(read_frames(view_path(source, recording.views[0]), recording.views[0]))
    more = frames + frames[-1:] if change > 0 else frames[:-1]
    monkeypatch.setattr(detection, "read_frames", lambda path, view: iter(more))
    with pytest.raises(RecordingError, match="materialise recording again"):
        detect(recording, source, tmp_path / "c.h5")
    assert not (tmp_path / "c.h5").exists()


def test_a_detector_that_answers_nonsense_is_refused(one_view, tmp_path):
    class Nonsense(SquareDetector):
        def detect(self, image_rgb):
            return np.full((1, 4), np.nan, "f4"), np.ones(1, "f4")

    recording, source = one_view
    with pytest.raises(ModelError, match="square"):
        detect(recording, source, tmp_path / "c.h5", Nonsense())


class TestGivenDetections:
    def test_their_crops_are_those_of_the_boxes(self, one_view, tmp_path):
        recording, source = one_view
        found = detect(recording, source, tmp_path / "c.h5")
        again = crop_recording(recording, source, found, tmp_path / "d.h5", EXACT)
        assert np.array_equal(again.bboxes, found.bboxes)
        assert np.array_equal(again.num_detections_per_frame, found.num_detections_per_frame)
        with CropStore.open(tmp_path / "c.h5") as one, CropStore.open(tmp_path / "d.h5") as two:
            for a, b in zip(one.crops(slice(None)), two.crops(slice(None)), strict=True):
                assert a.shape == b.shape
                assert a.size == 0 or np.abs(a.astype(int) - b).max() <= 12  # chroma is scaled on another grid

    def test_frames_without_any_count_too(self, one_view, tmp_path):
        recording, source = one_view
        rows = Detections(
            np.array([2, 2]), np.array([[1, 1, 20, 30], [5, 5, 9, 9]], "f4"), np.ones(2, "f4"), np.zeros(2, "i8"),
            np.array([0, 0, 2]), np.zeros(2, "i2"), np.array(["clip"]),
        )  # fmt: skip
        found = crop_recording(recording, source, rows, tmp_path / "c.h5", EXACT)
        assert found.num_detections_per_frame.tolist() == [0, 0, 2] + [0] * 27

    def test_of_other_frames_or_views_are_refused(self, one_view, two_views, tmp_path):
        recording, source = one_view
        found = detect(*two_views, tmp_path / "c.h5")
        with pytest.raises(RecordingError, match="this very recording"):
            crop_recording(recording, source, found, tmp_path / "d.h5", EXACT)
        long = Detections(
            np.array([30]), np.zeros((1, 4), "f4"), np.ones(1, "f4"), np.zeros(1, "i8"), np.eye(31, dtype="i8")[30],
            np.zeros(1, "i2"), np.array(["clip"]),
        )  # fmt: skip
        with pytest.raises(RecordingError, match="up to frame 30"):
            crop_recording(recording, source, long, tmp_path / "d.h5", EXACT)
        assert not (tmp_path / "d.h5").exists()


class TestReadAhead:
    def test_gives_the_items_in_order(self):
        assert list(read_ahead(range(100), 3)) == list(range(100))

    def test_raises_what_the_items_raise_after_those_before(self):
        def items():
            yield 1
            raise KeyError("two")

        ahead = read_ahead(items(), 3)
        assert next(ahead) == 1
        with pytest.raises(KeyError, match="two"):
            next(ahead)

    def test_makes_no_more_than_it_may(self):
        made = []

        def items():
            for i in range(50):
                made.append(i)
                yield i

        ahead = read_ahead(items(), 3)
        next(ahead)
        time.sleep(0.1)
        assert len(made) <= 6
        ahead.close()

    def test_ends_its_thread_and_the_items_when_it_is_left(self):
        closed = threading.Event()

        def items():
            try:
                while True:
                    yield 0
            finally:
                closed.set()

        ahead = read_ahead(items(), 2)
        next(ahead)
        ahead.close()
        assert closed.wait(2)
        assert "decode" not in [thread.name for thread in threading.enumerate()]
