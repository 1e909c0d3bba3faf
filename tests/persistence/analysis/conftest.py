"""Fixtures of the analysis."""

from pathlib import Path

import pytest


@pytest.fixture
def own_server_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The tests' own server is asked directly, and no client loads certificates, which is most of its start."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
