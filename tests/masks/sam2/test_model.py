"""Weights of SAM 2: those of the network are read, anything else is refused with its reason, and nothing is run."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.masks.sam2.sam2_micro import IMAGE_SIZE, SETTINGS, micro_network
from videotracks.errors import ModelError
from videotracks.masks.sam2 import model as sam2_model
from videotracks.masks.sam2.model import VARIANTS, Variant, load_weights, variant
from videotracks.masks.sam2.segmenter import Sam2Segmenter
from videotracks.weights import entry, hash_file


@pytest.fixture(scope="module")
def network() -> Any:
    return micro_network(seed=1)


@pytest.fixture(scope="module")
def state(network: Any) -> dict[str, Any]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


@pytest.fixture(scope="module")
def weights(state: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    path = tmp_path_factory.mktemp("weights") / "micro.pt"
    torch.save({"model": state}, path)
    return path


def saved(path: Path, content: Any) -> Path:
    import torch

    torch.save(content, path)
    return path


def test_importing_is_cheap() -> None:
    code = "import sys, videotracks.masks.sam2; print({'torch', 'torchvision', 'sam2', 'cv2'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


def test_asset_selections_of_dagster_parse_beside_it(network: Any) -> None:
    from dagster import AssetSelection

    assert str(AssetSelection.from_string('key:"mask_tracks"+'))


def test_every_size_has_a_description_and_known_weights(network: Any) -> None:
    import sam2

    for size, described in VARIANTS.items():
        assert (Path(sam2.__path__[0]) / described.config).is_file()
        assert entry(described.weights).kind == "segmenter"
        assert described.file == f"sam2.1_hiera_{size}.pt"


def test_attends_to_memories_in_bfloat16_without_pointers(network: Any) -> None:
    import torch

    seen, memory = torch.zeros(64, 1, 256), torch.zeros(64, 1, 64)
    with torch.inference_mode():
        found = network.memory_attention(
            curr=[seen], curr_pos=[seen], memory=memory.bfloat16(), memory_pos=memory.bfloat16(), num_obj_ptr_tokens=0
        )
    assert found.dtype == torch.float32


def test_reads_every_tensor(network: Any, weights: Path) -> None:
    import torch

    other = micro_network(seed=2)
    load_weights(other, weights)
    read = other.state_dict()
    assert all(torch.equal(tensor, read[name]) for name, tensor in network.state_dict().items())


def test_reads_safetensors_as_well(network: Any, state: dict[str, Any], tmp_path: Path) -> None:
    import torch

    safetensors = pytest.importorskip("safetensors.torch")
    safetensors.save_file({name: tensor.half() for name, tensor in state.items()}, tmp_path / "micro.safetensors")
    other = micro_network(seed=2)
    load_weights(other, tmp_path / "micro.safetensors")
    assert torch.equal(other.state_dict()["no_mem_embed"], state["no_mem_embed"].half().float())
    (tmp_path / "bad.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(ModelError, match=r"bad\.safetensors: no safetensors file"):
        load_weights(other, tmp_path / "bad.safetensors")


def test_refuses_weights_of_another_shape(network: Any, state: dict[str, Any], tmp_path: Path) -> None:
    path = saved(tmp_path / "other.pt", {"model": {**state, "no_mem_embed": state["no_mem_embed"][..., :7]}})
    with pytest.raises(
        ModelError, match=r"other\.pt: .*no_mem_embed: expected the shape \[1, 1, 256\], got \[1, 1, 7\]"
    ):
        load_weights(network, path)


def test_refuses_weights_that_lack_a_tensor(network: Any, state: dict[str, Any], tmp_path: Path) -> None:
    path = saved(tmp_path / "part.pt", {"model": {n: t for n, t in state.items() if n != "no_obj_ptr"}})
    with pytest.raises(ModelError, match=r"part\.pt: .*no_obj_ptr is missing"):
        load_weights(network, path)


def test_refuses_weights_of_a_larger_network(network: Any, state: dict[str, Any], tmp_path: Path) -> None:
    path = saved(tmp_path / "more.pt", {"model": {**state, "another.head": state["no_mem_embed"]}})
    with pytest.raises(ModelError, match=r"another\.head is unknown"):
        load_weights(network, path)


@pytest.mark.parametrize("content", [{"model": [1, 2]}, [1, 2], {"model": {"no_mem_embed": 3}}, {"epoch": 3}])
def test_refuses_archives_of_something_else(network: Any, content: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"foreign\.pt: "):
        load_weights(network, saved(tmp_path / "foreign.pt", content))


class MakesFolder:
    """What an attacker would put beside the tensors."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.folder),)


def test_never_runs_what_is_pickled(network: Any, state: dict[str, Any], tmp_path: Path) -> None:
    path = saved(tmp_path / "evil.pt", {"model": {**state, "extra": MakesFolder(tmp_path / "made")}})
    with pytest.raises(ModelError, match=r"evil\.pt: expected a PyTorch archive of nothing but tensors"):
        load_weights(network, path)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04" + bytes(100), b"\x80\x02}q\x00."])
def test_refuses_files_that_are_no_archive(network: Any, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_bytes(content)
    with pytest.raises(ModelError, match=r"text\.pt: expected a PyTorch archive"):
        load_weights(network, tmp_path / "text.pt")


def test_refuses_a_cut_archive(network: Any, weights: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.pt").write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(ModelError, match=r"cut\.pt: "):
        load_weights(network, tmp_path / "cut.pt")


def test_refuses_an_archive_that_would_grow(network: Any, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(10_000_000))
    with pytest.raises(ModelError, match="would grow to 10000000 bytes"):
        load_weights(network, tmp_path / "bomb.pt")


def test_missing_weights_are_an_error_at_once_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"base\.pt: .*`videotracks weights fetch sam2_base_plus`"):
        Sam2Segmenter("base_plus", tmp_path / "base.pt")


def test_refuses_what_it_does_not_know(weights: Path) -> None:
    with pytest.raises(ModelError, match="known are tiny, small, base_plus, large"):
        Sam2Segmenter("huge", weights)
    with pytest.raises(ModelError, match="'tpu' is unknown"):
        Sam2Segmenter("tiny", weights, device="tpu")
    with pytest.raises(ModelError, match="image size 1000 px"):
        Sam2Segmenter("tiny", weights, image_size=1000)


def test_says_that_there_is_no_cuda(weights: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is")
    with pytest.raises(ModelError, match="sees no CUDA device"):
        Sam2Segmenter("tiny", weights, device="cuda").propose(None, None, [1])  # type: ignore[arg-type]


def test_another_network_of_the_family_is_one_line(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: dict[str, Any]
) -> None:
    import sam2
    import torch
    from omegaconf import OmegaConf

    tiny = OmegaConf.load(Path(sam2.__path__[0]) / variant("tiny").config)
    OmegaConf.save(OmegaConf.merge(tiny, OmegaConf.from_dotlist(list(SETTINGS))), tmp_path / "micro.yaml")
    monkeypatch.setitem(sam2_model.VARIANTS, "micro", Variant(str(tmp_path / "micro.yaml"), "sam2_tiny"))
    segmenter = Sam2Segmenter("micro", weights, image_size=IMAGE_SIZE)
    loaded = segmenter._network.state_dict()
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in state.items())
    assert segmenter.frame_size(1920, 1080) == (IMAGE_SIZE, IMAGE_SIZE)
    provenance = segmenter.provenance()
    assert provenance["sha256"] == hash_file(weights)
    assert {k: provenance[k] for k in ("backend", "size", "weights", "device", "dtype", "image_size")} == {
        "backend": "sam2", "size": "micro", "weights": "micro.pt", "device": "cpu", "dtype": "float32",
        "image_size": str(IMAGE_SIZE),
    }  # fmt: skip
