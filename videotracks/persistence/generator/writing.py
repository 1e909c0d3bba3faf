"""Writing files of generated tracks, part by part: what is done survives a stop."""

import hashlib
import os
import shutil
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from videotracks.errors import CorruptFileError
from videotracks.npz import read_npz, write_npz
from videotracks.people.crop_codecs import codec
from videotracks.persistence.generator.plan import PlannedScene, TracksSettings, planned_scenes
from videotracks.persistence.generator.scene import GeneratedTrack, generate_scene
from videotracks.persistence.generator.track_table import TrackTable, joined, table_of
from videotracks.progress import Progress, silent

FORMAT_VERSION = 1
BLOB = "blob"
#: Scenes between two parts: seconds of work, megabytes of memory.
PART_SCENES = 20


def write_tracks(path: Path, settings: TracksSettings, progress: Progress = silent) -> None:
    """Generate all scenes of ``settings`` into one file; ``progress`` counts scenes.

    Finished parts lie in a hidden folder beside ``path`` until the file is complete: a stopped run goes on there, and
    comes to the same bytes. Parts of other settings or of another generator are left out. The file is there complete
    or not at all; one that is there already is replaced. At most one process may write a file.
    """
    scenes = list(planned_scenes(settings))
    if not scenes:
        raise ValueError("no scenes: every split of every set has 0")
    folder = path.with_name(f".{path.name}.parts")
    chosen = folder / _fingerprint(settings)
    for other in folder.iterdir() if folder.is_dir() else ():
        if other != chosen:
            shutil.rmtree(other)
    chosen.mkdir(parents=True, exist_ok=True)
    parts = []
    for begin in range(0, len(scenes), PART_SCENES):
        parts.append(chosen / f"{begin:07d}.npz")
        if not _is_whole(parts[-1]):
            _write_part(
                parts[-1], scenes[begin : begin + PART_SCENES], settings.jpeg_quality, progress, begin, len(scenes)
            )
        progress(min(begin + PART_SCENES, len(scenes)), len(scenes))
    _assemble(path, parts, settings)
    shutil.rmtree(folder)


def _fingerprint(settings: TracksSettings) -> str:
    """Names what the parts are made of: settings, and the text of the generator itself."""
    digest = hashlib.sha256(settings.model_dump_json().encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _is_whole(part: Path) -> bool:
    try:
        read_npz(part, names={*TrackTable.columns(), BLOB})
    except (FileNotFoundError, CorruptFileError):
        return False
    return True


def _write_part(
    part: Path, scenes: list[PlannedScene], quality: int, progress: Progress, begin: int, total: int
) -> None:
    encode = codec("jpeg", quality).encode
    tracks: list[tuple[PlannedScene, GeneratedTrack]] = []
    encoded: list[bytes] = []
    checksums = []
    for number, scene in enumerate(scenes):
        for made in generate_scene(scene.seed, scene.settings).tracks:
            jpegs = [encode(crop) for crop in made.track.crops]
            checksums.append(zlib.crc32(b"".join(jpegs)))
            encoded += jpegs
            tracks.append((scene, made))
        progress(begin + number + 1, total)
    sizes = np.array([len(jpeg) for jpeg in encoded], "i8")
    table = table_of(tracks, sizes, np.array(checksums, "u4"))
    draft = part.with_suffix(f".{os.getpid()}")
    with draft.open("wb") as file:
        write_npz(file, table.arrays() | {BLOB: np.frombuffer(b"".join(encoded), "u1")}, stored=[BLOB])
    draft.replace(part)


def _assemble(path: Path, parts: Iterable[Path], settings: TracksSettings) -> None:
    """Put the parts into one HDF5 file; one part's crops are in memory at a time."""
    import h5py

    def tables() -> Iterable[TrackTable]:
        for part in parts:
            yield TrackTable(**read_npz(part, select=lambda _: TrackTable.columns()))

    table = joined(list(tables()))
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with h5py.File(draft, "w") as file:
            file.attrs["format_version"] = FORMAT_VERSION
            file.attrs["settings"] = settings.model_dump_json()
            for name, array in table.arrays().items():
                file.create_dataset(name, data=array)  # of h5py's own making: without the time of writing
            blob = file.create_dataset(BLOB, (int(table.crop_offsets[-1]),), "u1")
            at = 0
            for part in parts:
                data = read_npz(part, select=lambda _: [BLOB])[BLOB]
                blob[at : at + len(data)] = data
                at += len(data)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
