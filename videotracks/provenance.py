"""Which software made an output."""

import platform
from importlib.metadata import version

PACKAGES = (
    *("videotracks", "dagster", "numpy", "opencv-python-headless", "av", "onnxruntime", "h5py", "numba"),
    *("torch", "sam2"),
)


def software() -> dict[str, str]:
    """Versions of Python and of the packages that have a say in the numbers."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
