"""Download one large file: resumed after a cut, checked, and in its place only when it is complete.

While a download is under way the bytes lie in ``NAME.part`` and what is known of them in ``NAME.part.json``.
A part is continued only if the server proves (ETag or Last-Modified) that its file is still the same one, or
if the caller knows the final hash anyway.
"""

import fcntl
import http.client
import ipaddress
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from videotracks.errors import ModelError
from videotracks.progress import Progress, silent

TIMEOUT_S = 30.0
_CHUNK_BYTES = 1 << 18
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class _Part(BaseModel, frozen=True, extra="forbid"):
    """Which file the bytes of a part belong to."""

    url: str
    validator: str | None = None
    total: int | None = None


class _StalePartError(Exception):
    """The server cannot continue this part: begin anew."""


def download(
    url: str,
    target: Path,
    *,
    check: Callable[[Path], None],
    size: int | None = None,
    resume_blindly: bool = False,
    timeout_s: float = TIMEOUT_S,
    progress: Progress = silent,
) -> None:
    """Download ``url`` to ``target``.

    ``check`` gets the complete part and raises ``ModelError`` if it is the wrong file, which removes it.
    ``size`` is the expected number of bytes. ``resume_blindly``: continue a part without the server's word
    that its file is unchanged, because ``check`` would notice. ``progress`` gets bytes.
    A cut transfer is a ``ModelError`` that keeps the part for the next call.
    """
    _check_url(url)
    part, note = target.with_name(target.name + ".part"), target.with_name(target.name + ".part.json")
    with part.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ModelError(f"{part}: another process is downloading this file; wait for it") from None
        if not part.exists() or not os.path.samestat(os.fstat(file.fileno()), part.stat()):
            raise ModelError(f"{part}: another process has just finished this download; fetch again")
        try:
            try:
                _continue(url, file, note, size, resume_blindly, timeout_s, progress)
            except _StalePartError:
                file.truncate(0)
                note.unlink(missing_ok=True)
                _continue(url, file, note, size, resume_blindly, timeout_s, progress)
        except ModelError:
            if os.fstat(file.fileno()).st_size == 0:
                part.unlink()
                note.unlink(missing_ok=True)
            raise
        note.unlink(missing_ok=True)
        try:
            check(part)
        except ModelError:
            part.unlink()
            raise
        part.replace(target)


def _continue(
    url: str, file: BinaryIO, note: Path, size: int | None, blindly: bool, timeout_s: float, progress: Progress
) -> None:
    """Append what is missing to the part; on return it is complete."""
    known = _read_note(note, url)
    have = file.seek(0, 2)
    total = size or known.total
    if have and not (known.validator or blindly):
        file.truncate(0)
        have = 0
    if have and have == total:
        return
    request = urllib.request.Request(url, headers={"User-Agent": "videotracks", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
        if known.validator:
            request.add_header("If-Range", known.validator)
    with _open(request, timeout_s, resuming=bool(have)) as response:
        validator, total = _validator(response), _total(response, have, size)
        if response.status == 206:
            if known.validator and validator and validator != known.validator:
                raise _StalePartError
        else:
            file.truncate(0)
            have = 0
        note.write_text(_Part(url=url, validator=validator, total=total).model_dump_json(), "utf-8")
        _copy(response, file, have, total, url, progress)


def _copy(
    response: http.client.HTTPResponse, file: BinaryIO, have: int, total: int | None, url: str, progress: Progress
) -> None:
    try:
        while chunk := response.read1(_CHUNK_BYTES):
            have += len(chunk)
            if total is not None and have > total:
                file.truncate(0)
                raise ModelError(f"{url}: sends more than the {total:,} bytes that were expected")
            file.write(chunk)
            progress(have, total)
    except (OSError, http.client.HTTPException) as error:
        file.flush()
        raise ModelError(_cut(url, have, total, f"{type(error).__name__}: {error}")) from error
    file.flush()
    if total is not None and have < total:
        raise ModelError(_cut(url, have, total, "the connection was closed"))


def _cut(url: str, have: int, total: int | None, why: str) -> str:
    whole = f" of {total:,}" if total is not None else ""
    return f"{url}: the transfer was cut after {have:,}{whole} bytes ({why}); the part is kept: fetch again to go on"


def _open(request: urllib.request.Request, timeout_s: float, *, resuming: bool) -> Any:
    handlers: list[Any] = [_CheckedRedirects()]
    if _is_loopback(request.full_url):
        handlers.append(urllib.request.ProxyHandler({}))
    try:
        return urllib.request.build_opener(*handlers).open(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        error.close()
        if resuming and error.code == 416:
            raise _StalePartError from None
        raise ModelError(
            f"{request.full_url}: the server answers {error.code} {error.reason}; if the file has moved, "
            "download it by hand into the weights folder"
        ) from None
    except (OSError, http.client.HTTPException) as error:
        raise ModelError(f"{request.full_url}: no connection ({error}); check the network and fetch again") from error


def _total(response: http.client.HTTPResponse, have: int, size: int | None) -> int | None:
    """The size of the whole file as the answer states it, in agreement with the expected one."""
    stated: int | None = None
    if response.status == 206:
        found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if found is None or int(found[1]) != have:
            raise _StalePartError
        stated = None if found[3] == "*" else int(found[3])
    elif response.headers.get("Content-Length", "").isdigit():
        stated = int(response.headers["Content-Length"])
    if size is not None and stated is not None and stated != size:
        if response.status == 206:
            raise _StalePartError
        raise ModelError(f"{response.url}: expected {size:,} bytes, the server offers {stated:,}: another file")
    chunked = "chunked" in response.headers.get("Transfer-Encoding", "").lower()
    if size is None and stated is None and not chunked:
        raise ModelError(f"{response.url}: the server does not say how long the file is: a cut would go unnoticed")
    return size or stated


def _validator(response: http.client.HTTPResponse) -> str | None:
    """What proves that the file is unchanged: a strong ETag, else the time of its last change."""
    tag = response.headers.get("ETag")
    return tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified")


def _read_note(note: Path, url: str) -> _Part:
    """What is known of the part; nothing if it came from elsewhere or the note is unreadable."""
    try:
        known = _Part.model_validate_json(note.read_bytes())
    except (FileNotFoundError, ValidationError):
        return _Part(url=url)
    return known if known.url == url else _Part(url=url)


def _check_url(url: str, *, loopback: bool = True) -> None:
    if urlsplit(url).scheme != "https" and not (loopback and _is_loopback(url)):
        raise ModelError(f"{url}: only https is downloaded")


def _is_loopback(url: str) -> bool:
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        return parts.scheme == "http" and (host == "localhost" or ipaddress.ip_address(host).is_loopback)
    except ValueError:
        return False


class _CheckedRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to https only; a loopback server may also point to a loopback server."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        """Check where the redirect leads before following it."""
        _check_url(newurl, loopback=_is_loopback(req.full_url))
        return super().redirect_request(req, fp, code, msg, headers, newurl)
