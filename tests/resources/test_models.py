"""The model resources: loaded on first use, once, and never replaced by another in silence."""

from pathlib import Path

import numpy as np
import pytest

from resources.detector import DetectorModel
from resources.reidentifier import FILES, ReidentifierModel
from videotracks.errors import ModelError
from videotracks.weights import manifest


def test_the_embedded_models_need_no_file(tmp_path: Path) -> None:
    for model in (DetectorModel(weights_folder=str(tmp_path)), ReidentifierModel(weights_folder=str(tmp_path))):
        assert model.load() is model.load()
        assert model.provenance()["backend"]


def test_public_detections_load_no_model() -> None:
    assert DetectorModel(kind="public").provenance() == {"backend": "public"}


def test_missing_detector_weights_are_named(tmp_path: Path) -> None:
    model = DetectorModel(kind="yolox", weights="yolox_s.onnx", weights_folder=str(tmp_path))
    with pytest.raises(ModelError, match=str(tmp_path / "yolox_s.onnx")):
        model.provenance()
    with pytest.raises(ModelError, match="yolox_s"):
        model.load().detect(np.zeros((64, 64, 3), np.uint8))


@pytest.mark.parametrize("kind", FILES)
def test_missing_re_id_weights_are_named(tmp_path: Path, kind: str) -> None:
    with pytest.raises(ModelError, match=FILES[kind]):
        ReidentifierModel(kind=kind, weights_folder=str(tmp_path)).provenance()
    with pytest.raises(ModelError, match=FILES[kind]):
        ReidentifierModel(kind=kind, weights_folder=str(tmp_path)).load().features([np.zeros((64, 32, 3), np.uint8)])


def test_the_known_networks_are_those_of_the_manifest() -> None:
    assert set(FILES.values()) <= {entry.file for entry in manifest()}


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="kind"):
        DetectorModel(kind="yolov8")


@pytest.mark.testdata
def test_weights_in_a_folder_run(testdata: Path) -> None:
    folder = testdata / "weights"
    file = next(iter(sorted(folder.glob("*yolox*.onnx"))), None)
    if file is None:
        pytest.skip(f"no YOLOX weights in {folder}")
    told = DetectorModel(kind="yolox", weights=file.name, weights_folder=str(folder)).provenance()
    assert told["weights"] == file.name
    assert len(told["sha256"]) == 64
