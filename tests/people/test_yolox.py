"""YOLOX heads: decoding, the exports that are told apart, and models that are something else."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from videotracks.errors import ModelError
from videotracks.people.detectors import letterbox
from videotracks.people.yolox import STRIDES, YoloxDetector

SIZE = 64


def field(number: int, value: int | bytes) -> bytes:
    """One field of a protocol buffer: a number, or bytes with their length."""

    def varint(n: int) -> bytes:
        head = b""
        while n > 0x7F:
            head, n = head + bytes([n & 0x7F | 0x80]), n >> 7
        return head + bytes([n])

    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor_info(name: str, shape: Sequence[int]) -> bytes:
    dims = b"".join(field(1, field(1, d)) for d in shape)
    return field(1, name.encode()) + field(2, field(1, field(1, 1) + field(2, dims)))


def constant_model(path: Path, output: np.ndarray, input_shape: Sequence[int] = (1, 3, SIZE, SIZE)) -> Path:
    """Write an ONNX model that answers every image with ``output``."""
    value = b"".join(field(1, d) for d in output.shape) + field(2, 1) + field(8, b"rows")
    value += field(9, output.astype("<f4").tobytes())
    node = field(1, b"rows") + field(2, b"output") + field(4, b"Identity")
    graph = field(1, node) + field(2, b"constant") + field(5, value)
    graph += field(11, tensor_info("images", input_shape)) + field(12, tensor_info("output", output.shape))
    path.write_bytes(field(1, 8) + field(7, graph) + field(8, field(1, b"") + field(2, 13)))
    return path


def head(persons: list[tuple[int, int, int, float, float, float]], classes: int = 80, *, pixels: bool = False):
    """Output rows f32[1, A, 5 + classes] with persons given as stride, cell x, cell y, width, height, score."""
    rows = []
    for stride in STRIDES:
        cells = SIZE // stride
        block = np.zeros((cells, cells, 5 + classes), "f4")
        y, x = np.mgrid[:cells, :cells]
        block[..., :2] = np.stack([x, y], axis=-1) * stride if pixels else 0.1
        block[..., 2:4] = stride if pixels else 0.0
        for s, cx, cy, width, height, score in persons:
            if s == stride:
                centre = np.array([cx + 0.5, cy + 0.5]), np.array([width, height])
                block[cy, cx, :2] = centre[0] * stride if pixels else 0.5
                block[cy, cx, 2:4] = centre[1] if pixels else np.log(centre[1] / stride)
                block[cy, cx, 4:6] = 1.0, score
        rows.append(block.reshape(-1, 5 + classes))
    return np.concatenate(rows)[None]


PERSONS = [(8, 2, 3, 12.0, 20.0, 0.9), (16, 3, 1, 16.0, 24.0, 0.6), (32, 0, 1, 30.0, 40.0, 0.04)]
#: Centre 20, 28 with 12 x 20; centre 56, 24 with 16 x 24.
BOXES = np.array([[14, 18, 26, 38], [48, 12, 64, 36]], "f4")


@pytest.mark.parametrize("classes", [1, 80])
@pytest.mark.parametrize("pixels", [False, True])
def test_decodes_both_exports_with_one_class_and_with_many(tmp_path, classes, pixels):
    model = constant_model(tmp_path / "m.onnx", head(PERSONS, classes, pixels=pixels))
    bboxes, confidences = YoloxDetector(model).detect(np.zeros((SIZE, SIZE, 3), np.uint8))
    assert bboxes == pytest.approx(BOXES, abs=1e-3)
    assert confidences == pytest.approx([0.9, 0.6])
    assert bboxes.dtype == confidences.dtype == np.float32


def test_boxes_are_scaled_to_the_frame(tmp_path):
    detector = YoloxDetector(constant_model(tmp_path / "m.onnx", head(PERSONS)))
    bboxes, _ = detector.detect(np.zeros((180, 180, 3), np.uint8))
    assert bboxes == pytest.approx(BOXES * 180 / SIZE, abs=1e-2)


def test_boxes_in_the_letterbox_end_at_the_frame(tmp_path):
    detector = YoloxDetector(constant_model(tmp_path / "m.onnx", head(PERSONS)))
    bboxes, _ = detector.detect(np.zeros((20, 64, 3), np.uint8))
    assert bboxes.tolist() == [[14, 18, 26, 20], [48, 12, 64, 20]]


@pytest.mark.parametrize(("width", "remaining"), [(12.0, 2), (40.0, 3)])
def test_of_two_boxes_on_one_person_the_more_confident_remains(tmp_path, width, remaining):
    """A second box about the first person's centre: the same person if as wide, another if it overlaps little."""
    model = constant_model(tmp_path / "m.onnx", head([*PERSONS, (8, 2, 2, width, 28.0, 0.5)]))
    _, confidences = YoloxDetector(model).detect(np.zeros((SIZE, SIZE, 3), np.uint8))
    assert len(confidences) == remaining
    assert confidences[0] == pytest.approx(0.9)


def test_nobody_is_no_rows(tmp_path):
    bboxes, confidences = YoloxDetector(constant_model(tmp_path / "m.onnx", head([]))).detect(
        np.zeros((SIZE, SIZE, 3), np.uint8)
    )
    assert bboxes.shape == (0, 4)
    assert confidences.shape == (0,)


def test_a_missing_file_is_named_and_how_to_get_it(tmp_path):
    detector = YoloxDetector(tmp_path / "yolox_s.onnx")
    with pytest.raises(ModelError, match=r"yolox_s\.onnx.*videotracks weights fetch"):
        detector.detect(np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(ModelError, match="yolox_s"):
        detector.provenance()


def test_a_file_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError, match="cannot load"):
        YoloxDetector(tmp_path / "m.onnx").detect(np.zeros((8, 8, 3), np.uint8))


@pytest.mark.parametrize(
    ("output", "input_shape", "message"),
    [
        (head([])[:, :-1], (1, 3, SIZE, SIZE), "an output float32 of shape"),
        (head([])[..., :5], (1, 3, SIZE, SIZE), "an output float32 of shape"),
        (head([])[0], (1, 3, SIZE, SIZE), "an output float32 of shape"),
        (head([]) * 0 - 3, (1, 3, SIZE, SIZE), "sigmoid"),
        (head([]), (1, 3, 60, SIZE), "an input of shape"),
        (head([]), (1, 1, SIZE, SIZE), "an input of shape"),
    ],
)
def test_models_of_another_kind_are_refused(tmp_path, output, input_shape, message):
    model = constant_model(tmp_path / "m.onnx", output, input_shape)
    with pytest.raises(ModelError, match=message):
        YoloxDetector(model).detect(np.zeros((SIZE, SIZE, 3), np.uint8))


def test_an_unknown_device_is_refused(tmp_path):
    with pytest.raises(ModelError, match="tpu"):
        YoloxDetector(tmp_path / "m.onnx", device="tpu")


def test_the_provenance_names_the_weights_and_their_hash(tmp_path):
    model = constant_model(tmp_path / "m.onnx", head([]))
    said = YoloxDetector(model).provenance()
    assert said["weights"] == "m.onnx"
    assert len(said["sha256"]) == 64
    assert said["device"] == "cpu"


@pytest.mark.testdata
@pytest.mark.parametrize("weights", ["yolox_nano_416x416.onnx", "light_person_192.onnx"])
def test_real_weights_find_the_one_person_who_juggles(testdata, weights):
    import av

    detector = YoloxDetector(testdata / "weights" / weights, threads=1)
    with av.open(str(testdata / "clips" / "juggle.mp4")) as container:
        image = next(container.decode(video=0)).to_ndarray(format="rgb24")
    bboxes, confidences = detector.detect(image)
    assert (confidences >= 0.5).sum() == 1
    left, top, right, bottom = bboxes[0]
    assert 500 < left < right < 900
    assert bottom - top > 500


def test_the_image_goes_in_as_blue_green_red_at_the_top_left(monkeypatch, tmp_path):
    detector = YoloxDetector(constant_model(tmp_path / "m.onnx", head([])))
    seen = {}
    image = np.zeros((32, 64, 3), np.uint8)
    image[..., 0] = 250
    detector.detect(image)
    session = detector._session

    class Watched:
        def run(self, names, feed):
            seen.update(feed)
            return session.run(names, feed)

        def get_inputs(self):
            return session.get_inputs()

    monkeypatch.setitem(detector.__dict__, "_session", Watched())
    detector.detect(image)
    tensor = seen["images"]
    assert tensor.shape == (1, 3, SIZE, SIZE)
    assert tensor[0, :, 0, 0].tolist() == [0, 0, 250]
    assert tensor[0, :, -1, -1].tolist() == [114, 114, 114]
    assert letterbox(image, SIZE, SIZE)[1] == 1.0
