"""What `videotracks doctor` looks at: everything that could keep a run from working, before one starts."""

import os
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal, NamedTuple

from dagster_project.definitions import MODELS
from dagster_project.deployment import PROJECT, SETTINGS_FILE, Deployment
from videotracks.errors import VideoTracksError

GIB = 2**30
PACKAGES = ["dagster", "dagster-webserver", "torch", "numpy", "opencv-python-headless", "av", "onnxruntime", "h5py"]


class Finding(NamedTuple):
    """One thing that was looked at."""

    level: Literal["ok", "note", "wrong"]
    text: str


def examine(deployment: Deployment) -> list[Finding]:
    """All findings, from Python to the models."""
    return [*_software(), *_folders(deployment), *_recordings(deployment), *_models(deployment)]


def _software() -> list[Finding]:
    python = ".".join(map(str, sys.version_info[:3]))
    good = (3, 11) <= sys.version_info[:2] < (3, 13)
    found = [Finding("ok" if good else "wrong", f"Python {python}" + ("" if good else ": 3.11 or 3.12 is needed"))]
    for package in PACKAGES:
        try:
            found.append(Finding("ok", f"{package} {version(package)}"))
        except PackageNotFoundError:
            found.append(Finding("wrong", f"{package} is not installed: run `make demo` once, it installs everything"))
    return found


def _folders(deployment: Deployment) -> list[Finding]:
    settings = PROJECT / SETTINGS_FILE
    found = [Finding("ok", f"settings: {settings if settings.exists() else 'the defaults (no ' + SETTINGS_FILE + ')'}")]
    data = deployment.data
    existing = next(p for p in [data, *data.parents] if p.exists())
    free = shutil.disk_usage(existing).free / GIB
    found.append(Finding("ok" if free > 5 else "note", f"data folder {data}: {free:.0f} GiB free"))
    if not _writable(existing):
        found.append(Finding("wrong", f"{existing} cannot be written: set VIDEOTRACKS_DATA to a folder of yours"))
    return found


def _writable(folder: Path) -> bool:
    return os.access(folder, os.W_OK)


def _recordings(deployment: Deployment) -> list[Finding]:
    library = deployment.library()
    try:
        sources = library.sources()
    except VideoTracksError as error:
        return [Finding("wrong", str(error))]
    gone = [key for key, path in sources.items() if not path.exists()]
    found = [Finding("ok", f"library {library.folder}: {len(sources)} recordings")]
    return found + [Finding("wrong", f"recording {key}: the file it links to is gone") for key in gone]


def _models(deployment: Deployment) -> list[Finding]:
    found = []
    resources = deployment.resources()
    for name in sorted(MODELS):
        model = resources[name]
        called = f"{name} {model.kind}" if hasattr(model, "kind") else name
        try:
            provenance = ", ".join(f"{k} {v}" for k, v in model.provenance().items())
            found.append(Finding("ok", f"{called}: {provenance}"))
        except VideoTracksError as error:
            found.append(Finding("wrong", f"{called}: {error}"))
    return found
