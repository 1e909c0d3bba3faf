"""Depth models in ONNX: metres of every pixel, weights that are never guessed, networks that are something else."""

import numpy as np
import pytest

from tests.geometry.camera_examples import pinhole
from tests.people.test_yolox import field, tensor_info
from videotracks.errors import ModelError
from videotracks.points.depth.models import OnnxDepthModel, OnnxDepthSettings
from videotracks.weights import hash_file


def free_info(name, shape):
    """A tensor of which some sides are free (names)."""
    dims = b"".join(field(1, field(2, d.encode()) if isinstance(d, str) else field(1, d)) for d in shape)
    return field(1, name.encode()) + field(2, field(1, field(1, 1) + field(2, dims)))


def mean_model(path, input_shape=(1, 3, 28, 42)):
    """An ONNX network whose depth is the mean of the prepared channels: f32[1, 1, h, w]."""
    attribute = field(1, b"axes") + field(8, 1) + field(20, 7)
    node = field(1, b"image") + field(2, b"depth") + field(4, b"ReduceMean") + field(5, attribute)
    graph = field(1, node) + field(2, b"mean")
    graph += field(11, free_info("image", input_shape)) + field(12, free_info("depth", (1, 1, "h", "w")))
    path.write_bytes(field(1, 8) + field(7, graph) + field(8, field(1, b"") + field(2, 13)))
    return path


def constant_model(path, depth, input_shape=(1, 3, 28, 42)):
    """An ONNX network that answers every picture with ``depth``."""
    value = b"".join(field(1, d) for d in depth.shape) + field(2, 1) + field(8, b"rows")
    value += field(9, depth.astype("<f4").tobytes())
    node = field(1, b"rows") + field(2, b"depth") + field(4, b"Identity")
    graph = field(1, node) + field(2, b"constant") + field(5, value)
    graph += field(11, tensor_info("image", input_shape)) + field(12, tensor_info("depth", depth.shape))
    path.write_bytes(field(1, 8) + field(7, graph) + field(8, field(1, b"") + field(2, 13)))
    return path


#: A picture's grey value of 0 to 255 becomes as many centimetres.
CENTIMETRES = OnnxDepthSettings(mean=(0, 0, 0), std=(100, 100, 100))


def ramp(height=56, width=84):
    return np.repeat((50 + np.arange(width, dtype="u1"))[None, :, None], height, axis=0).repeat(3, axis=2)


@pytest.mark.parametrize("input_shape", [(1, 3, 28, 42), (1, 3, "h", "w"), ("n", 3, "h", 42), ("n", "c", 28, 42)])
def test_depth_lies_under_its_pixels_whatever_size_the_network_wants(tmp_path, input_shape):
    model = OnnxDepthModel(mean_model(tmp_path / "m.onnx", input_shape), CENTIMETRES)
    found = model.depth(ramp(), None)
    assert found.dtype == np.float32
    assert found.shape == (56, 84)
    np.testing.assert_allclose(found[:, 2:-2], (ramp()[:, 2:-2, 0]) / 100, atol=0.012)


def test_free_sides_follow_the_pictures_shape_in_whole_patches(tmp_path):
    settings = OnnxDepthSettings(free_side_px=100, multiple_px=14)
    model = OnnxDepthModel(mean_model(tmp_path / "m.onnx", (1, 3, "h", "w")), settings)
    assert model._input_size(480, 640) == (98, 140)
    assert model._input_size(1920, 1088) == (182, 98)


def test_depth_is_scaled_to_the_focal_length_of_the_camera(tmp_path):
    path = constant_model(tmp_path / "m.onnx", np.full((1, 28, 42), 2.0))
    camera = pinhole(width=84, height=56, K=np.array([[120.0, 0, 42], [0, 120, 28], [0, 0, 1]]))
    model = OnnxDepthModel(path, OnnxDepthSettings(focal_px=30))
    np.testing.assert_allclose(model.depth(ramp(), camera), 2 * (120 * 42 / 84) / 30)
    with pytest.raises(ModelError, match="no camera to scale its depth to"):
        model.depth(ramp(), None)


def test_what_is_no_number_above_zero_is_none_and_does_not_mix_with_its_neighbours(tmp_path):
    depth = np.full((1, 28, 42), 3.0)
    depth[0, 10, 10:13] = np.nan, -1, np.inf
    found = OnnxDepthModel(constant_model(tmp_path / "m.onnx", depth)).depth(ramp(), None)
    assert set(np.unique(found)) == {0, 3}
    assert (found[20:22, 20:26] == 0).all()
    assert (found == 0).mean() < 0.02


def test_missing_weights_say_what_to_do(tmp_path):
    model = OnnxDepthModel(tmp_path / "metric.onnx")
    for use in (model.provenance, lambda: model.depth(ramp(), None)):
        with pytest.raises(ModelError, match=r"metric\.onnx: the depth model's weights are not there"):
            use()


def test_provenance_names_the_weights_and_their_hash(tmp_path):
    path = mean_model(tmp_path / "m.onnx")
    assert OnnxDepthModel(path, name="metric").provenance() == {
        "backend": "metric", "weights": "m.onnx", "sha256": hash_file(path), "device": "cpu",
    }  # fmt: skip


def test_a_file_that_is_no_network_is_refused(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"no network")
    with pytest.raises(ModelError, match=r"m\.onnx: ONNX Runtime cannot load it"):
        OnnxDepthModel(tmp_path / "m.onnx").depth(ramp(), None)


@pytest.mark.parametrize(
    ("depth", "input_shape"),
    [
        (np.zeros((1, 1000)), (1, 3, 28, 42)),  # a classifier
        (np.zeros((1, 3, 28, 42)), (1, 3, 28, 42)),  # pictures
        (np.zeros((1, 28, 42)), (1, 4, 28, 42)),
        (np.zeros((1, 28, 42)), (8, 3, 28, 42)),
        (np.zeros((1, 28, 42)), (1, 3, 28, 100_000)),
        (np.zeros((1, 28, 42)), (1, 3, 28)),
    ],
)
def test_a_network_of_another_kind_is_refused(tmp_path, depth, input_shape):
    model = OnnxDepthModel(constant_model(tmp_path / "m.onnx", depth, input_shape))
    with pytest.raises(ModelError, match=r"m\.onnx: expected a network that turns a picture"):
        model.depth(ramp(), None)
