"""Networks in ONNX Runtime: loaded from bytes that were hashed, on the device that was asked for or not at all."""

from pathlib import Path
from typing import Any, Literal

from videotracks.errors import ModelError

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
#: More gain nothing: other steps of the same video run beside this one.
_THREADS = 2


def open_session(data: bytes, path: Path, device: Literal["cpu", "cuda"]) -> Any:
    """An inference session of the network in ``data``, read from ``path``.

    ``ModelError`` where the device is not there, ONNX Runtime cannot load the network, or would run it elsewhere.
    """
    import onnxruntime

    provider = _PROVIDERS[device]
    if provider not in onnxruntime.get_available_providers():
        raise ModelError(f"device {device}: this ONNX Runtime has {onnxruntime.get_available_providers()}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _THREADS
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(data, options, providers=[provider])
    except Exception as error:  # its own exception types have no common base but Exception
        raise ModelError(f"{path}: ONNX Runtime cannot load it ({str(error)[:300]})") from error
    if provider not in session.get_providers():
        raise ModelError(f"device {device}: ONNX Runtime fell back to {session.get_providers()}")
    return session
