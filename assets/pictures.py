"""Pictures in the metadata of assets: what a user sees in the UI without opening a file."""

from collections.abc import Sequence

import dagster as dg
import numpy as np

from videotracks.people.crop_store import CropGroup, CropStore
from videotracks.tables import Persons

TILES = 16


def picture(tiles: Sequence[np.ndarray], labels: Sequence[str] = (), **layout: object) -> dg.MarkdownMetadataValue:
    """A contact sheet of RGB pictures, as metadata that the UI shows."""
    from videotracks.contact_sheet import contact_sheet, data_uri_image

    return dg.MetadataValue.md(data_uri_image(contact_sheet(tiles, labels, **layout)))  # type: ignore[arg-type]


def image(rgb: np.ndarray) -> dg.MarkdownMetadataValue:
    """One RGB picture at its own size, as metadata that the UI shows."""
    return picture([rgb], columns=1, tile=(rgb.shape[1], rgb.shape[0]))


def crop_sheet(crops: CropGroup) -> dict[str, dg.MarkdownMetadataValue]:
    """The entry ``contact sheet``: crops spread over the group; nothing where there are none."""
    if not len(crops):
        return {}
    rows = np.unique(np.linspace(0, len(crops) - 1, TILES).round().astype(int))
    labels = [f"frame {frame}" for frame in crops.frame_numbers[rows].tolist()]
    return {"contact sheet": picture(crops.crops(rows), labels)}


def person_sheet(crops_by_person: CropStore, person_ids: Sequence[int]) -> dict[str, dg.MarkdownMetadataValue]:
    """The entry ``contact sheet``: the middle crop of each person, the first ``TILES`` of them."""
    tiles, labels = [], []
    for person in list(person_ids)[:TILES]:
        group = crops_by_person.person(int(person))
        if len(group):
            tiles.append(group.crop(len(group) // 2))
            labels.append(f"person {person}")
    return {"contact sheet": picture(tiles, labels)} if tiles else {}


def first_boxes(persons: Persons, detection_crops: CropStore, rows: np.ndarray) -> dict[str, dg.MarkdownMetadataValue]:
    """The entry ``contact sheet``: for each person the crop of its middle box; ``rows`` leads to the crops."""
    middles = [(persons.rows_of(int(p)).start + persons.rows_of(int(p)).stop) // 2 for p in persons.person_ids[:TILES]]
    if not middles:
        return {}
    labels = [f"person {p}" for p in persons.person_ids[:TILES].tolist()]
    return {"contact sheet": picture(detection_crops.crops(rows[middles]), labels)}
