"""Models of others, loaded through torch.hub: by the name of their repository, or from a checkout that lies here."""

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, Field

from videotracks.errors import ModelError

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+(:[\w./-]+)?")
_log = logging.getLogger(__name__)


class HubSettings(BaseModel, frozen=True, extra="forbid"):
    """Where a model comes from, and how much of a video it sees at a time."""

    repository: str = Field(description="owner/name[:ref] on GitHub, or the path of a checkout with its hubconf.py")
    device: Literal["cpu", "cuda"] = Field(default="cpu", description="where the model runs")
    window_frames: int = Field(
        default=48, ge=12, le=1000, description="frames that the model holds at a time; memory grows with it"
    )
    overlap_frames: int = Field(
        default=16, ge=1, description="frames shared by neighbouring windows: a point hidden for longer is lost there"
    )


def load_model(settings: HubSettings, entry: str, licence: str, **arguments: Any) -> Any:
    """Load ``entry`` of a repository's ``hubconf.py``, say under which ``licence``, and set it to evaluation.

    Code of the repository runs: it is as trusted as whoever named it. ``ModelError``: no such repository, entry or
    device, or whatever its code fails with.
    """
    import torch

    if settings.device == "cuda" and not torch.cuda.is_available():
        raise ModelError("device cuda: PyTorch finds no GPU here; choose the device cpu")
    _log.warning("%s of %s is not part of this project: %s", entry, settings.repository, licence)
    where = {"source": "local"} if is_local(settings.repository) else {"trust_repo": True, "skip_validation": True}
    try:
        model = torch.hub.load(settings.repository, entry, **where, **arguments)
        return model.to(settings.device).eval()
    except Exception as error:  # whatever the code of others raises
        raise ModelError(
            f"{settings.repository}: {entry!r} could not be loaded ({type(error).__name__}: {error}); name a checkout "
            "with its requirements installed and its weights in torch.hub's cache, or choose the tracker flow"
        ) from error


def is_local(repository: str) -> bool:
    """Whether ``repository`` is a checkout here; ``ModelError`` where it is neither that nor a name."""
    if (Path(repository) / "hubconf.py").is_file():
        return True
    if Path(repository).is_dir():
        raise ModelError(f"{repository}: no hubconf.py there; the checkout of a torch.hub repository is expected")
    if not _REPOSITORY.fullmatch(repository) or Path(repository).is_absolute() or repository.startswith("."):
        raise ModelError(f"repository {repository!r}: a checkout's path or owner/name[:ref] on GitHub is expected")
    return False


def hub_provenance(settings: HubSettings, name: str, entry: str, licence: str) -> dict[str, str]:
    """What runs: backend, entry, repository and licence, the hash of a checkout's hubconf.py, device, PyTorch."""
    from importlib.metadata import version

    from videotracks.weights import hash_file

    said = {"backend": name, "entry": entry, "repository": settings.repository, "licence": licence}
    if is_local(settings.repository):
        said["hubconf_sha256"] = hash_file(Path(settings.repository) / "hubconf.py")
    return {**said, "device": settings.device, "torch": version("torch")}


def checked(what: str, given: Any, shape: Sequence[int]) -> np.ndarray:
    """A tensor of a model as an array f4 of ``shape``; ``ModelError`` where it is none, or holds NaN."""
    import torch

    if not isinstance(given, torch.Tensor):
        raise ModelError(f"{what}: the model gave {type(given).__name__}, a tensor {list(shape)} is expected")
    if tuple(given.shape) != tuple(shape):
        raise ModelError(f"{what}: the model gave the shape {list(given.shape)}, {list(shape)} is expected")
    array = given.detach().float().cpu().numpy()
    if not np.isfinite(array).all():
        raise ModelError(f"{what}: the model gave values that are no finite numbers; its input or weights do not fit")
    return array
