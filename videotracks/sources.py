"""What counts as a recording, and the partition key that its name gives.

A recording is a video file; a folder of synchronised views (``cam_00.mp4 cam_01.mp4 …``); or a folder of
numbered pictures, among them sequences of MOTChallenge (``img1/ seqinfo.ini gt/gt.txt det/det.txt``), of DAVIS
(``JPEGImages/ Annotations/``) and of RGB-D cameras (``color/ depth/ pose.txt``).
"""

import re
import unicodedata
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Literal, NamedTuple

from videotracks.errors import RecordingError

VIDEO_SUFFIXES = {
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".gif", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts"),
    *(".wmv", ".flv", ".3gp", ".ogv", ".mjpeg", ".h264", ".264", ".hevc", ".265"),
}
IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}
#: Folders inside a recording that hold its numbered pictures, and the one that holds true masks.
PICTURES, ANNOTATIONS = ("img1", "JPEGImages", "color"), "Annotations"
#: The folder that holds candidate masks made elsewhere.
CANDIDATE_MASKS = "masks"
#: The folder of depth pictures, what is a depth picture, and the file beside them that states their unit.
DEPTH, DEPTH_SUFFIXES, DEPTH_SCALE = "depth", (".png", ".pgm"), "scale.txt"
#: What the file of a moving camera's poses is called: behind the view's name, or alone where there is one view.
POSES = ("poses.txt", "pose.txt")
KEY_LENGTH = 80
_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
_HASH_DIGITS = 8


class ViewFile(NamedTuple):
    """One view of a recording: its camera id, and its file or folder of pictures."""

    camera: str
    path: Path


def partition_key(name: str) -> str:
    """The key ``[a-z0-9][a-z0-9_-]{0,79}`` of a recording's name (without suffix).

    A name that is a key stays as it is; any other gets a hash of the name behind what can be kept of it, so that
    two names never share a key by accident.
    """
    if _KEY.fullmatch(name):
        return name
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    kept = re.sub(r"[^a-z0-9_]+", "-", plain).strip("-_")[: KEY_LENGTH - _HASH_DIGITS - 1].rstrip("-_")
    return f"{kept or 'video'}-{sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:_HASH_DIGITS]}"


def source_key(source: Path) -> str:
    """The partition key of a recording at a path: from a file's name without suffix, from a folder's name."""
    is_file = source.suffix.lower() in VIDEO_SUFFIXES and not source.is_dir()
    return partition_key(source.stem if is_file else source.name)


def find_sources(folder: Path) -> dict[str, Path]:
    """The recordings directly inside ``folder`` by key, in order of their keys; hidden entries are left out.

    Raises ``RecordingError`` naming both where two of them have the same key.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not is_recording(path):
            continue
        key = source_key(path)
        if key in found:
            raise RecordingError(f"{found[key]} and {path} have the same key {key!r}: rename one of them")
        found[key] = path
    return dict(sorted(found.items()))


def is_recording(path: Path) -> bool:
    """Whether a path is one, as far as names tell; a link whose target is gone counts by its name."""
    try:
        if path.is_dir():
            if path.suffix in (f".{ANNOTATIONS}", f".{CANDIDATE_MASKS}", f".{DEPTH}"):
                return False
            kinds = VIDEO_SUFFIXES | IMAGE_SUFFIXES
            places = (place for place in (path, *(path / name for name in PICTURES)) if place.is_dir())
            return any(_is_visible_file(entry, kinds) for place in places for entry in place.iterdir())
    except OSError:  # a folder that may not be read fails as a recording of its own, not with all the others
        return True
    return path.suffix.lower() in VIDEO_SUFFIXES


def view_files(source: Path) -> list[ViewFile]:
    """The views of a recording in order of their names; a file or a folder of pictures is one view, ``cam_00``."""
    if not source.is_dir():
        return [ViewFile("cam_00", source)]
    videos = sorted(p for p in source.iterdir() if _is_visible_file(p, VIDEO_SUFFIXES))
    if videos:
        if len({p.stem for p in videos}) < len(videos):
            raise RecordingError(f"{source}: two views have the same name; each view needs its own")
        return [ViewFile(p.stem, p) for p in videos]
    for pictures in (*(source / name for name in PICTURES), source):
        if pictures.is_dir() and image_files(pictures):
            return [ViewFile("cam_00", pictures)]
    return []


def image_files(folder: Path) -> list[Path]:
    """The pictures of a sequence, by their number where they have one, else by name."""

    def order(path: Path) -> tuple[int, str]:
        number = re.search(r"(\d+)$", path.stem)
        return (int(number[1][-18:]) if number else -1, path.name)

    return sorted((p for p in folder.iterdir() if _is_visible_file(p, IMAGE_SUFFIXES)), key=order)


def _is_visible_file(path: Path, suffixes: set[str]) -> bool:
    return path.suffix.lower() in suffixes and not path.name.startswith(".") and path.is_file()


def annotation_file(source: Path, camera: str, kind: Literal["gt", "det"]) -> Path | None:
    """The MOTChallenge ground truth (``gt``) or public detections (``det``) of one view, or None.

    Beside a file, or beside the file that a link leads to: ``<stem>.gt.txt``. In a folder: ``<camera>.gt.txt``, or
    for a single view ``gt/gt.txt`` or ``gt.txt``.
    """
    if not source.is_dir():
        places = [file.with_name(f"{file.stem}.{kind}.txt") for file in (source, source.resolve())]
    else:
        places = [source / f"{camera}.{kind}.txt"]
        if len(view_files(source)) == 1:
            places += [source / kind / f"{kind}.txt", source / f"{kind}.txt"]
    return next((place for place in places if place.is_file()), None)


def mask_annotations(source: Path, camera: str) -> dict[int, Path]:
    """The true masks of one view by frame, as DAVIS lays them out; empty where there are none.

    In a folder of views ``Annotations/<camera>/00000.png``, for a single view ``Annotations/00000.png``; beside a
    file ``<stem>.Annotations/00000.png``. The number in the name is the frame.
    """
    for place in _folders_of(source, camera, ANNOTATIONS):
        if found := {int(p.stem): p for p in place.glob("*.png") if p.stem.isdecimal()}:
            return dict(sorted(found.items()))
    return {}


def mask_manifests(source: Path, camera: str) -> Path | None:
    """The folder of candidate masks that Semantic-SAM made for one view, or None.

    In a folder of views ``masks/<camera>/``, for a single view ``masks/``; beside a file ``<stem>.masks/``.
    """
    return next(_folders_of(source, camera, CANDIDATE_MASKS), None)


def depth_place(source: Path, camera: str) -> Path | None:
    """The folder or HDF5 file with the depth of one view, None without any; ``RecordingError`` where there are two.

    In a folder of views ``depth/<camera>/*.png`` or ``<camera>.depth.h5``, for a single view also ``depth/*.png`` or
    ``depth.h5``; beside a file ``<stem>.depth/*.png`` or ``<stem>.depth.h5``.
    """
    places = list(_folders_of(source, camera, DEPTH))
    if not source.is_dir():
        places += [file.with_name(f"{file.stem}.{DEPTH}.h5") for file in dict.fromkeys((source, source.resolve()))]
    else:
        places.append(source / f"{camera}.{DEPTH}.h5")
        if len(view_files(source)) == 1:
            places.append(source / f"{DEPTH}.h5")
    found = [place for place in places if place.is_file() or (place.is_dir() and depth_pictures(place))]
    if len(found) > 1:
        raise RecordingError(f"{found[0]} and {found[1]} both hold depth of {camera}: take one of them away")
    return found[0] if found else None


def depth_pictures(folder: Path) -> list[Path]:
    """The pictures of depth in a folder, by their names."""
    return sorted(path for path in folder.iterdir() if _is_visible_file(path, set(DEPTH_SUFFIXES)))


def depth_files(source: Path, camera: str) -> list[Path]:
    """All files that hold the depth of one view."""
    place = depth_place(source, camera)
    if place is None or place.is_file():
        return [place] if place else []
    scale = place / DEPTH_SCALE
    return depth_pictures(place) + ([scale] if scale.is_file() else [])


def pose_file(source: Path, camera: str) -> Path | None:
    """The file with the poses of one view, frame by frame, or None; ``RecordingError`` where there are two.

    In a folder ``<camera>.poses.txt``, for a single view also ``poses.txt`` or ``pose.txt``; a video file has none.
    """
    if not source.is_dir():
        return None
    places = [source / f"{camera}.{POSES[0]}"]
    if len(view_files(source)) == 1:
        places += [source / name for name in POSES]
    found = [place for place in places if place.is_file()]
    if len(found) > 1:
        raise RecordingError(f"{found[0]} and {found[1]} both hold poses of {camera}: take one of them away")
    return found[0] if found else None


def _folders_of(source: Path, camera: str, kind: str) -> Iterator[Path]:
    """The folders that may hold what belongs to one view, those that are there, the nearest first."""
    if not source.is_dir():
        places = [file.with_name(f"{file.stem}.{kind}") for file in dict.fromkeys((source, source.resolve()))]
    else:
        places = [source / kind / camera]
        if len(view_files(source)) == 1:
            places.append(source / kind)
    yield from (place for place in places if place.is_dir())


def recording_files(source: Path) -> list[Path]:
    """All files that make up a recording, for its content hash: views, calibration, annotations."""
    files: list[Path] = []
    for view in view_files(source):
        files += image_files(view.path) if view.path.is_dir() else [view.path]
        files += [f for kind in ("gt", "det") if (f := annotation_file(source, view.camera, kind))]  # type: ignore[arg-type]
        files += mask_annotations(source, view.camera).values()
        files += depth_files(source, view.camera)
        files += [poses] if (poses := pose_file(source, view.camera)) else []
        candidates = mask_manifests(source, view.camera)
        if candidates:
            files += sorted(p for p in candidates.rglob("*") if p.suffix in (".json", ".npy") and p.is_file())
    if source.is_dir():
        files += sorted(source.glob("*.toml")) + sorted(source.glob("*.y*ml")) + sorted(source.glob("seqinfo.ini"))
        files += sorted(source.glob("points_truth.npz"))
    return list(dict.fromkeys(files))
