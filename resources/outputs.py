"""Where outputs lie: one folder per video under a root, and drafts that become outputs in one step."""

import errno
import fcntl
import os
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from pydantic import Field, PrivateAttr
from upath import UPath

from videotracks.errors import VideoTracksError
from videotracks.files import check_relative_name

STAGING = ".staging"
SHARED = "_shared"
#: Drafts of a run that was killed are removed when nothing in them has changed for this long.
LEFTOVER_S = 24 * 3600.0

_VIDEO_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")


class Outputs(dg.ConfigurableResource):
    """The store of all outputs: ``<root>/<video>/<file>``, and ``<root>/_shared/<file>`` for what has no video.

    Nothing is ever written at its final place: an asset or an IO manager writes a draft, and ``place`` moves it
    there. The drafts of a run are removed with the run; those of a killed run a day later.
    """

    root: str = Field(description="folder, or fsspec URL such as s3://bucket/outputs, of all outputs")
    _run_id: str = PrivateAttr(default="direct")
    _staging: Path | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Take the run's id, and sweep what killed runs left behind."""
        self._run_id = context.run.run_id if context.run else "direct"
        self._staging = None
        parent, prefix = self._staging_parent()
        for folder in _abandoned(parent, prefix, time.time() - LEFTOVER_S):
            shutil.rmtree(folder, ignore_errors=True)

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Remove this run's drafts."""
        self.discard_drafts()

    @property
    def base(self) -> UPath:
        """The root as a path, absolute where it is local."""
        path = UPath(self.root)
        return UPath(Path(path.path).expanduser().absolute()) if is_local(path) else path

    def folder(self, video: str) -> UPath:
        """The folder of one video's outputs; it may not exist yet."""
        if not _VIDEO_KEY.fullmatch(video):
            raise VideoTracksError(f"{video!r} is no key of a video: small letters, digits, - and _, at most 80")
        return self.base / video

    def path(self, video: str | None, file: str) -> UPath:
        """Where an output lies; ``video`` None for what belongs to no video."""
        folder = self.base / SHARED if video is None else self.folder(video)
        return folder / check_relative_name(file)

    def draft(self, file_name: str) -> Path:
        """A fresh local path to write a file or folder to, on the store's own file system where that is local.

        Return it in the asset's value: the IO manager moves it to its place. What is not returned is removed
        when the run ends.
        """
        if "/" in check_relative_name(file_name):
            raise ValueError(f"{file_name!r}: a draft is named by a file name, not a path")
        if self._staging is None:
            parent, prefix = self._staging_parent()
            parent.mkdir(parents=True, exist_ok=True)
            # One folder per process of a run, so that a step which ends takes no other step's drafts with it.
            self._staging = Path(tempfile.mkdtemp(prefix=f"{prefix}{self._run_id[:8]}-", dir=parent))
        return Path(tempfile.mkdtemp(dir=self._staging)) / file_name

    @contextmanager
    def work_folder(self, video: str | None, asset: str) -> Iterator[Path]:
        """A local folder in which a long piece of work keeps its steps, so that the next run resumes a killed one.

        ``video`` None for what belongs to no video. Whoever works there must tell by the steps themselves whether they
        are of the same inputs. When the block ends well the folder is removed; when it fails, it stays for a day.
        ``VideoTracksError`` where another process is at the same work.
        """
        of = SHARED if video is None else self.folder(video).name
        parent, prefix = self._staging_parent()
        folder = parent / f"{prefix}work-{of}-{asset}"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise VideoTracksError(f"{asset} of {of}: another run is making it; wait for that one") from None
            yield folder
            shutil.rmtree(folder, ignore_errors=True)

    def discard_drafts(self) -> None:
        """Remove all drafts made through this object."""
        if self._staging is not None:
            shutil.rmtree(self._staging, ignore_errors=True)
            self._staging = None

    def refuse_stored(self, draft: Path) -> None:
        """Raise ``VideoTracksError`` if ``draft`` is a stored output: moving it would take it from its owner."""
        if not is_local(self.base):
            return
        resolved, root = draft.resolve(), Path(self.base.path).resolve()
        if resolved.is_relative_to(root) and not resolved.is_relative_to(root / STAGING):
            raise VideoTracksError(f"{draft}: already a stored output; return a draft (`outputs.draft(name)`) instead")

    def place(self, draft: Path, target: UPath) -> None:
        """Move a finished draft file to ``target``, which holds the old bytes or the new ones, never a mixture.

        This holds for processes that are killed. After a power cut a file may be short; reading it says so.
        """
        self.refuse_stored(draft)
        if not is_local(target):
            _upload(draft, target)
            return
        local = Path(target.path)
        local.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.replace(draft, local)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _copy_into(draft, local)

    def _staging_parent(self) -> tuple[Path, str]:
        """Where the folders of drafts are made, and how their names begin."""
        if is_local(self.base):
            return Path(self.base.path) / STAGING, ""
        return Path(tempfile.gettempdir()), f"videotracks-{os.getuid()}-"


def is_local(path: UPath) -> bool:
    """Whether a path lies on this machine's own file systems."""
    return path.protocol in ("", "file", "local")


def local(path: UPath) -> Path:
    """A local path as such; ``VideoTracksError`` for one in a remote store."""
    if not is_local(path):
        raise VideoTracksError(f"{path}: not a file of this machine; copy it here first")
    return Path(path.path)


def _copy_into(draft: Path, target: Path) -> None:
    """Copy over a border of file systems, then replace in one step."""
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        shutil.copyfile(draft, partial)
        os.replace(partial, target)
        draft.unlink()
    finally:
        partial.unlink(missing_ok=True)


def _upload(draft: Path, target: UPath) -> None:
    """Upload beside the target, then rename."""
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.partial")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.fs.put_file(str(draft), partial.path)
        target.fs.mv(partial.path, target.path)
        draft.unlink()
    finally:
        if partial.exists():
            partial.unlink()


def _abandoned(parent: Path, prefix: str, before: float) -> Iterator[Path]:
    """The folders of drafts, our own, in which nothing has changed since ``before``."""
    for folder in parent.glob(f"{prefix}*") if parent.is_dir() else ():
        try:
            if folder.is_symlink() or not folder.is_dir() or folder.stat().st_uid != os.getuid():
                continue
            newest = max(p.lstat().st_mtime for p in (folder, *folder.rglob("*")))
        except (FileNotFoundError, PermissionError):  # another run is removing it, or it is none of ours
            continue
        if newest < before:
            yield folder
