"""Building a SAM 2 network and loading its weights; everything that depends on which model it is stands here.

A further predictor of the family (EdgeTAM, a fine-tuned SAM 2) needs one line in ``VARIANTS``: its YAML description
and the name of its weights in ``weights.json``. The description names the classes; what those must offer is what
``session`` calls: ``forward_image``, ``add_new_mask``, ``add_new_points_or_box``, ``propagate_in_video_preflight``
and ``_run_single_frame_inference``, as in sam2 1.1.
"""

import pickle
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from videotracks.errors import ModelError
from videotracks.masks.sam2.torchvision_on_cpu import ensure_torchvision
from videotracks.weights import entry


class Variant(NamedTuple):
    """One network of the family."""

    config: str  # YAML description, relative to the package ``sam2``; an absolute path is taken as it is
    weights: str  # its name in ``weights.json``

    @property
    def file(self) -> str:
        """The name of its weights file."""
        return entry(self.weights).file


VARIANTS = {
    "tiny": Variant("configs/sam2.1/sam2.1_hiera_t.yaml", "sam2_tiny"),
    "small": Variant("configs/sam2.1/sam2.1_hiera_s.yaml", "sam2_small"),
    "base_plus": Variant("configs/sam2.1/sam2.1_hiera_b+.yaml", "sam2_base_plus"),
    "large": Variant("configs/sam2.1/sam2.1_hiera_l.yaml", "sam2_large"),
}

#: What sam2 itself sets for following in videos (``build_sam2_video_predictor``): three masks instead of one where
#: the one is not stable, and the memory of a prompted frame from the mask as the user saw it.
_VIDEO_SETTINGS = (
    "model._target_=sam2.sam2_video_predictor.SAM2VideoPredictor",
    "model.sam_mask_decoder_extra_args.dynamic_multimask_via_stability=true",
    "model.sam_mask_decoder_extra_args.dynamic_multimask_stability_delta=0.05",
    "model.sam_mask_decoder_extra_args.dynamic_multimask_stability_thresh=0.98",
    "model.binarize_mask_from_pts_for_mem_enc=true",
)
#: px at a quarter of the image size: smaller holes in a mask are filled, as sam2 does where its extension is compiled.
_HOLE_AREA = 8
#: A PyTorch archive stores its tensors uncompressed; one that grows more than this on reading is no such archive.
_MAX_EXPANSION = 1.5


def variant(size: str) -> Variant:
    """The network of this name; a ``ModelError`` that lists the names where there is none."""
    if size not in VARIANTS:
        raise ModelError(f"no SAM 2 of size {size!r} is known; known are {', '.join(VARIANTS)}")
    return VARIANTS[size]


def build(config: str, *, device: str, image_size: int, settings: Sequence[str] = ()) -> Any:
    """The network of a YAML description, ready for inference, **with random weights**: load some before use.

    ``settings`` override the description (``model.image_size=512``). ``ModelError`` where CUDA is asked for and not
    there.
    """
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise ModelError("device cuda: this PyTorch sees no CUDA device; choose the device cpu")
    _initialise_hydra()
    import sam2.sam2_video_predictor
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    described = OmegaConf.load(Path(sam2.__path__[0]) / config)
    fixed = OmegaConf.from_dotlist([*_VIDEO_SETTINGS, *settings, f"model.image_size={image_size}"])
    network = instantiate(OmegaConf.merge(described, fixed).model, _execution_whitelist_="sam2.*")
    network.fill_hole_area = _HOLE_AREA if device == "cuda" and _extension_is_compiled() else 0
    network = network.to(device).eval().requires_grad_(False)
    if device == "cpu":
        network.memory_attention.register_forward_pre_hook(_in_single_precision, with_kwargs=True)
    return network


def load_weights(network: Any, path: Path) -> None:
    """Fill every parameter of a network from a PyTorch archive (``.pt``) or a ``.safetensors`` file.

    Only tensors are read, no code. ``ModelError`` names the file and the first difference where it is no such file, or
    holds other names or shapes than the network.
    """
    state = _read_safetensors(path) if path.suffix == ".safetensors" else _read_archive(path)
    expected = network.state_dict()
    difference = _first_difference(expected, state)
    if difference:
        raise ModelError(f"{path}: not the weights of this network: {difference}; name others or another size")
    network.load_state_dict(state)


def _initialise_hydra() -> None:
    """Make ``import sam2`` work: it asks Hydra for a behaviour that the Hydra beside Dagster no longer has."""
    ensure_torchvision()
    import hydra
    from hydra.core.global_hydra import GlobalHydra

    if not GlobalHydra.instance().is_initialized():
        hydra.initialize_config_module("sam2")


def _extension_is_compiled() -> bool:
    try:
        from sam2 import _C  # noqa: F401
    except ImportError:
        return False
    return True


def _in_single_precision(_module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Memories are stored as bfloat16, which the CPU does not mix with single precision.

    Object pointers beside them would lift them to single precision; a network of the family without pointers has none.
    """
    import torch

    def single(value: Any) -> Any:
        if isinstance(value, list):
            return [single(item) for item in value]
        return value.float() if isinstance(value, torch.Tensor) and value.is_floating_point() else value

    return tuple(single(value) for value in args), {name: single(value) for name, value in kwargs.items()}


def _read_archive(path: Path) -> Any:
    """The tensors of a PyTorch archive by name; those of sam2 lie under ``model``."""
    import torch

    try:
        with zipfile.ZipFile(path) as archive:
            expanded = sum(info.file_size for info in archive.infolist())
        if expanded > _MAX_EXPANSION * path.stat().st_size:
            raise ModelError(f"{path}: would grow to {expanded} bytes on reading: no PyTorch archive; fetch it again")
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (zipfile.BadZipFile, pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = str(error).strip().partition("\n")[0][:200]
        raise ModelError(
            f"{path}: expected a PyTorch archive of nothing but tensors, as `videotracks weights fetch` brings it, "
            f"got a file that cannot be read so ({type(error).__name__}: {reason})"
        ) from error
    return content["model"] if isinstance(content, Mapping) and "model" in content else content


def _read_safetensors(path: Path) -> Any:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError as error:
        raise ModelError(f"{path}: reading it needs the package safetensors; install it, or name a .pt file") from error
    try:
        return load_file(path, device="cpu")
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path}: no safetensors file ({str(error)[:200]}); fetch it again") from error


def _first_difference(expected: Mapping[str, Any], state: Any) -> str:
    """What distinguishes the tensors of a file from those of the network, in the network's order; empty: nothing."""
    import torch

    if not isinstance(state, Mapping):
        return f"expected tensors by name, got a {type(state).__name__}"
    for name, tensor in expected.items():
        if name not in state:
            return f"{name} is missing ({len(expected)} tensors expected, {len(state)} found)"
        found = state[name]
        if not isinstance(found, torch.Tensor) or not found.is_floating_point():
            return f"{name}: expected a tensor of floating point numbers, got {getattr(found, 'dtype', type(found))}"
        if found.shape != tensor.shape:
            return f"{name}: expected the shape {list(tensor.shape)}, got {list(found.shape)}"
    unknown = next((name for name in state if name not in expected), None)
    return "" if unknown is None else f"{unknown!s:.100} is unknown to it"
