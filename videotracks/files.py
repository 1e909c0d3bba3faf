"""Outputs that are plain files and folders: a page, a video, a folder of animations."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


def check_relative_name(name: str) -> str:
    """Return ``name`` if it is a plain relative path with forward slashes; a ``ValueError`` otherwise."""
    path = PurePosixPath(name)
    if name != str(path) or path.is_absolute() or not path.parts or any(p in ("..", ".") for p in path.parts):
        raise ValueError(f"{name!r} is no plain relative file name")
    if any(c in name for c in "\\:\0") or not name.isprintable():
        raise ValueError(f"{name!r} holds a character that a file name must not hold")
    return name


@dataclass(frozen=True)
class Files:
    """Files and folders by their name beside the other outputs of a video.

    As an asset's value: finished drafts, which the IO manager moves to where the names say. As an input:
    where they lie now; those of a remote store are downloaded when they are first asked for.
    Names are relative with forward slashes; none may lie inside another (``ValueError``).
    """

    members: Mapping[str, Path]

    def __post_init__(self) -> None:
        names = [PurePosixPath(check_relative_name(name)) for name in self.members]
        if not names:
            raise ValueError("no files")
        for name in names:
            if any(parent in names for parent in name.parents):
                raise ValueError(f"{str(name)!r} lies inside another member")

    def __getitem__(self, name: str) -> Path:
        """The path of one member."""
        return self.members[name]

    def walk(self) -> Iterator[tuple[str, Path]]:
        """Every file by its relative name, those inside folders included, in order of their names."""
        found: dict[str, Path] = {}
        for name in self.members:
            path = self.members[name]
            if path.is_symlink():
                raise ValueError(f"{path}: a link, not a file; outputs hold their own bytes")
            if path.is_dir():
                found.update(_inside(name, path))
            elif path.is_file():
                found[name] = path
            else:
                raise FileNotFoundError(f"{path}: the file of output {name!r} is not there")
        yield from sorted(found.items())


def _inside(name: str, folder: Path) -> Iterator[tuple[str, Path]]:
    for path in folder.rglob("*"):
        if path.is_symlink():
            raise ValueError(f"{path}: a link, not a file; outputs hold their own bytes")
        if path.is_file():
            yield f"{name}/{path.relative_to(folder).as_posix()}", path
