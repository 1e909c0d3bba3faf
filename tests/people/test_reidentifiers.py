"""Re-identification: unit-length features that tell people apart, and weights that are never guessed."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from videotracks.demo.clip import CAMERA, FPS
from videotracks.demo.people import cast
from videotracks.demo.street import render
from videotracks.errors import ModelError
from videotracks.people.appearance import AppearanceReidentifier
from videotracks.people.onnx_reid import PRESETS, OnnxReidentifier, OnnxReidSettings
from videotracks.people.reidentifiers import Reidentifier, unit_length
from videotracks.people.similarity import similarity_matrix
from videotracks.weights import entry, hash_file


def street_crops(frames: range, people: int = 4, seed: int = 3) -> dict[int, list[np.ndarray]]:
    """Crops of the generated street by who they show."""
    found: dict[int, list[np.ndarray]] = {}
    for index, frame in enumerate(render(cast(people, 8.0, seed), CAMERA, frames.stop, FPS, seed)):
        if index in frames:
            for truth in frame.truth:
                left, top, right, bottom = (round(v) for v in truth.box)
                crop = frame.rgb[max(top, 0) : bottom, max(left, 0) : right]
                if truth.visibility > 0.6 and crop.size:
                    found.setdefault(truth.identity, []).append(crop)
    return found


def separation(model: Reidentifier, groups: list[list[np.ndarray]], whose: list[int]) -> tuple[float, float]:
    """The least similarity of two groups of one person, and the most of two persons."""
    features = [model.features(group) for group in groups]
    offsets = np.concatenate([[0], np.cumsum([len(f) for f in features])])
    matrix = similarity_matrix(np.concatenate(features), offsets)
    a, b = np.triu_indices(len(groups), 1)
    same = np.array(whose)[a] == np.array(whose)[b]
    return float(matrix[a, b][same].min()), float(matrix[a, b][~same].max())


def halves(persons: dict[int, list[np.ndarray]]) -> tuple[list[list[np.ndarray]], list[int]]:
    groups, whose = [], []
    for person, crops in persons.items():
        if len(crops) >= 4:
            groups += [crops[: len(crops) // 2], crops[len(crops) // 2 :]]
            whose += [person, person]
    return groups, whose


def test_appearance_tells_the_people_of_the_street_apart() -> None:
    groups, whose = halves(street_crops(range(0, 200, 10)))
    assert len(set(whose)) >= 3
    model = AppearanceReidentifier()
    least_same, most_other = separation(model, groups, whose)
    assert most_other < model.default_threshold < least_same


def mot_crops(folder: Path) -> dict[int, list[np.ndarray]]:
    images = {int(path.stem): cv2.imread(str(path))[:, :, ::-1] for path in sorted((folder / "img1").glob("*.jpg"))}
    found: dict[int, list[np.ndarray]] = {}
    for line in (folder / "gt" / "gt.txt").read_text().splitlines():
        frame, person, *box = (float(v) for v in line.split(","))
        if int(frame) in images and box[5] == 1 and box[6] >= 0.5 and box[3] >= 60:
            left, top, right, bottom = (
                int(max(box[0], 0)),
                int(max(box[1], 0)),
                int(box[0] + box[2]),
                int(box[1] + box[3]),
            )
            found.setdefault(int(person), []).append(images[int(frame)][top:bottom, left:right])
    return found


@pytest.mark.testdata
def test_appearance_tells_real_people_apart(testdata) -> None:
    groups, whose = halves(mot_crops(testdata / "mot" / "MOT17-04-FRCNN"))
    assert len(set(whose)) > 20
    model = AppearanceReidentifier()
    least_same, most_other = separation(model, groups, whose)
    assert most_other < model.default_threshold < least_same


def test_features_are_of_unit_length_repeatable_and_one_by_one() -> None:
    crops = [np.random.default_rng(i).integers(0, 255, (20 + i, 10 + i, 3)).astype(np.uint8) for i in range(4)]
    crops += [np.zeros((1, 1, 3), np.uint8), np.full((200, 3, 3), 255, np.uint8)]
    model = AppearanceReidentifier()
    features = model.features(crops)
    assert features.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(features, np.concatenate([AppearanceReidentifier().features([c]) for c in crops]))
    assert model.features([]).shape == (0, features.shape[1])
    assert isinstance(model, Reidentifier)


@pytest.mark.parametrize("crop", [np.zeros((0, 0, 3), np.uint8), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3))])
def test_what_is_no_picture_is_refused(crop) -> None:
    with pytest.raises(ValueError, match="crop 0: expected RGB"):
        AppearanceReidentifier().features([crop])


def test_unit_length_leaves_nothing_as_nothing() -> None:
    np.testing.assert_array_equal(unit_length(np.array([[3.0, 4], [0, 0]])), np.array([[0.6, 0.8], [0, 0]], "f4"))


def test_missing_weights_are_an_error_that_says_how_to_get_them(tmp_path) -> None:
    model = OnnxReidentifier(tmp_path / "osnet.onnx", PRESETS["osnet"], name="osnet")
    for use in (lambda: model.features([]), model.provenance):
        with pytest.raises(ModelError, match=r"osnet\.onnx.*videotracks weights fetch"):
            use()


def test_a_file_that_is_no_network_is_an_error_that_names_it(tmp_path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a network")
    with pytest.raises(ModelError, match=r"broken\.onnx"):
        OnnxReidentifier(path, OnnxReidSettings()).features([])


@pytest.fixture
def retail(testdata) -> Path:
    path = testdata / "weights" / "person-reidentification-retail-0287.onnx"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    return path


@pytest.mark.testdata
def test_a_network_of_other_input_is_refused(retail) -> None:
    with pytest.raises(ModelError, match=r"retail-0287\.onnx.*an input of shape \[1, 256, 128, 3\]"):
        OnnxReidentifier(retail, PRESETS["osnet"]).features([])


@pytest.mark.testdata
def test_a_real_network_tells_real_people_apart(testdata, retail) -> None:
    groups, whose = halves(mot_crops(testdata / "mot" / "MOT17-02-FRCNN"))
    model = OnnxReidentifier(retail, PRESETS["retail"], name="retail")
    least_same, most_other = separation(model, groups, whose)
    assert most_other < model.default_threshold < least_same
    assert model.provenance() == {
        "backend": "retail", "weights": retail.name, "sha256": hash_file(retail), "device": "cpu",
    }  # fmt: skip
    assert model.features([]).shape == (0, 256)


@pytest.mark.parametrize(
    ("preset", "known"), [("osnet", "osnet_x0_25"), ("retail", "retail_0287"), ("youtureid", "youtureid")]
)
def test_presets_are_what_the_manifest_of_weights_says(preset, known) -> None:
    stated = OnnxReidSettings.of(entry(known).input, PRESETS[preset].default_threshold)
    assert stated == PRESETS[preset]
