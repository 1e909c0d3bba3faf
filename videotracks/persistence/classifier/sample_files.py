"""Features of all generated tracks, as files: what the classifier learns from and is judged on."""

from pathlib import Path

from videotracks.npz import read_table, write_table
from videotracks.persistence.classifier.samples import Samples, collect_samples, labelled_tracks
from videotracks.persistence.crop_tracks import TrackEncoder
from videotracks.persistence.generator.plan import SETS, SPLITS, SetName, SplitName
from videotracks.persistence.generator.store import GeneratedTracks
from videotracks.progress import Progress, part_of, silent


def write_samples(tracks: GeneratedTracks, encoder: TrackEncoder, folder: Path, progress: Progress = silent) -> None:
    """Write ``{set}_{split}.npz`` for every part of the file that holds tracks; ``progress`` counts tracks."""
    folder.mkdir(parents=True, exist_ok=True)
    done = 0
    for name in SETS:
        for split in SPLITS:
            rows = tracks.split(split, name)
            if not len(rows):
                continue
            made = collect_samples(labelled_tracks(rows), encoder, len(rows), part_of(progress, done, len(tracks)))
            write_table(folder / _file(name, split), made)
            done += len(rows)


def read_samples(folder: Path, name: SetName, split: SplitName) -> Samples:
    """Read one part back; ``FileNotFoundError`` where it holds no tracks, ``CorruptFileError`` where it is damaged."""
    return read_table(folder / _file(name, split), Samples)


def _file(name: SetName, split: SplitName) -> str:
    return f"{name}_{split}.npz"
