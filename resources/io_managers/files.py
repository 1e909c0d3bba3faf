"""Plain files and whole folders, with a manifest that says when they are complete."""

import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import dagster as dg
from pydantic import BaseModel, ConfigDict, NonNegativeInt
from upath import UPath

from resources.io_managers.json import decode, encode
from resources.io_managers.stored import StoredIOManager, stored_as
from resources.outputs import Outputs, is_local
from videotracks.errors import CorruptFileError
from videotracks.files import Files, check_relative_name


class FilesIOManager(dg.ConfigurableIOManagerFactory):
    """Moves finished files and folders into the folder of their video; a folder is replaced as a whole.

    The asset's metadata ``file`` is the entry point: a member, or a file inside one. What belongs together and
    how long each file is stands in ``.<file>.manifest.json``, which is removed first and written last.
    """

    outputs: Outputs

    def create_io_manager(self, context: dg.InitResourceContext) -> dg.IOManager:
        """Make the manager over the configured root."""
        return _FilesManager(self.outputs)


class Manifest(BaseModel):
    """The members of one output, and the size in bytes of every file in them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    members: list[str]
    files: dict[str, NonNegativeInt]


class _FilesManager(StoredIOManager):
    def write(self, value: Any, path: UPath) -> int:
        files = stored_as(value, Files, "FilesIOManager")
        sizes = {name: file.stat().st_size for name, file in files.walk()}
        entry = path.relative_to(self._folder(path)).as_posix()
        if entry not in sizes and entry not in files.members:
            raise ValueError(f"the asset's file {entry!r} is not among {sorted(files.members)}")
        for draft in files.members.values():
            self.outputs.refuse_stored(draft)
        at = self._manifest_path(path)
        stale = self._members_before(path) | set(files.members)
        draft = self.outputs.draft(at.name)
        draft.write_bytes(encode(Manifest(members=sorted(files.members), files=sizes)))
        if is_local(path):
            moves = [(files[name], Path((self._folder(path) / name).path)) for name in files.members]
            aside = [Path((self._folder(path) / name).path) for name in stale]
            _swap_local([Path(at.path), *aside], [*moves, (draft, Path(at.path))], self.outputs.draft("replaced"))
        else:
            _swap_remote(self.outputs, files, self._folder(path), stale, (draft, at))
        return sum(sizes.values())

    def read(self, cls: type[Any], path: UPath) -> Files:
        if not issubclass(cls, Files):
            raise TypeError(f"{path} holds Files; annotate the input so, not {cls.__name__}")
        folder, manifest = self._folder(path), self._read_manifest(path)
        if is_local(path):
            files = Files({name: Path((folder / name).path) for name in manifest.members})
            found = _sizes(files)
        else:
            files = Files(_Downloads(self.outputs, folder, manifest))
            found = {name: (folder / name).stat().st_size for name in manifest.files if (folder / name).is_file()}
        for name, size in manifest.files.items():
            if found.get(name) != size:
                state = f"{found[name]:,} bytes" if name in found else "not there"
                raise CorruptFileError(f"{folder / name}: {state}, but {size:,} bytes were written")
        strays = [name for name in found.keys() - manifest.files.keys() if not PurePosixPath(name).name.startswith(".")]
        if strays:
            raise CorruptFileError(f"{folder / min(strays)}: not written by this project; remove it")
        return files

    def is_there(self, path: UPath) -> bool:
        """Whether the entry point or the manifest is there; a store may not keep an empty folder."""
        return path.exists() or self._manifest_path(path).exists()

    def get_metadata(self, context: dg.OutputContext, obj: Files) -> dict[str, Any]:
        """The names of the members."""
        return {"files": dg.MetadataValue.json(sorted(obj.members))}

    def _folder(self, path: UPath) -> UPath:
        """The folder of the video that ``path`` lies in, however deep."""
        base = self.outputs.base
        return base / path.parts[len(base.parts)]

    def _manifest_path(self, path: UPath) -> UPath:
        entry = path.parts[len(self.outputs.base.parts) + 1 :]
        return self._folder(path) / f".{'.'.join(entry)}.manifest.json"

    def _read_manifest(self, path: UPath) -> Manifest:
        """The manifest, once every name in it is known to stay inside its folder."""
        at = self._manifest_path(path)
        if not at.exists():
            raise CorruptFileError(f"{path}: incomplete, or not written by this project: there is no {at.name}")
        manifest = decode(at.read_bytes(), Manifest, str(at))
        try:
            Files({name: Path(name) for name in manifest.members})
            stray = [n for n in manifest.files if not _is_inside(check_relative_name(n), manifest.members)]
        except ValueError as error:
            raise CorruptFileError(f"{at}: {error}") from error
        if stray:
            raise CorruptFileError(f"{at}: {stray[0]!r} belongs to none of its members")
        return manifest

    def _members_before(self, path: UPath) -> set[str]:
        """The members of what is stored now, which may be more than those that replace it."""
        try:
            return set(self._read_manifest(path).members)
        except CorruptFileError:
            return set()


class _Downloads(Mapping[str, Path]):
    """Members of a remote store, each downloaded when it is first asked for; removed with the run's drafts."""

    def __init__(self, outputs: Outputs, folder: UPath, manifest: Manifest) -> None:
        self._outputs, self._folder, self._manifest = outputs, folder, manifest
        self._fetched: dict[str, Path] = {}

    def __getitem__(self, name: str) -> Path:
        if name not in self._manifest.members:
            raise KeyError(name)
        if name not in self._fetched:
            target = self._outputs.draft(PurePosixPath(name).name)
            for file in self._manifest.files:
                if _is_inside(file, [name]):
                    local = target.joinpath(*PurePosixPath(file).relative_to(name).parts)
                    local.parent.mkdir(parents=True, exist_ok=True)
                    self._folder.fs.get_file((self._folder / file).path, str(local))
            if name not in self._manifest.files:
                target.mkdir(exist_ok=True)  # a folder may be empty
            self._fetched[name] = target
        return self._fetched[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._manifest.members)

    def __len__(self) -> int:
        return len(self._manifest.members)


def _sizes(files: Files) -> dict[str, int]:
    try:
        return {name: file.stat().st_size for name, file in files.walk()}
    except (ValueError, FileNotFoundError) as error:
        raise CorruptFileError(str(error)) from error


def _is_inside(file: str, members: Iterable[str]) -> bool:
    return any(file == member or file.startswith(f"{member}/") for member in members)


def _swap_local(stale: Iterable[Path], moves: Iterable[tuple[Path, Path]], aside: Path) -> None:
    """Move what is stale aside and the new to its place, by renaming; or, where that fails, all of it back."""
    aside.mkdir()
    done: list[tuple[Path, Path]] = []

    def move(source: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(source, target)
        done.append((source, target))

    try:
        for number, path in enumerate(stale):
            if path.exists():
                move(path, aside / str(number))
        for source, target in moves:
            move(source, target)
    except BaseException:
        for source, target in reversed(done):
            shutil.move(target, source)
        raise
    shutil.rmtree(aside)


def _swap_remote(
    outputs: Outputs, files: Files, folder: UPath, stale: Iterable[str], manifest: tuple[Path, UPath]
) -> None:
    """Upload under a temporary name; when all is there, remove what is stale and rename."""
    fs, incoming = folder.fs, folder / f".{uuid.uuid4().hex[:8]}.incoming"
    draft, manifest_at = manifest
    names = [name for name, _ in files.walk()]
    try:
        for name, file in files.walk():
            (incoming / name).parent.mkdir(parents=True, exist_ok=True)
            fs.put_file(str(file), (incoming / name).path)
        for old in [manifest_at, *(folder / name for name in stale)]:
            if old.exists():
                fs.rm(old.path, recursive=True)
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            fs.mv((incoming / name).path, (folder / name).path)
        outputs.place(draft, manifest_at)
    finally:
        if incoming.exists():
            fs.rm(incoming.path, recursive=True)
