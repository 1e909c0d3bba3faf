"""Crops by person, and the best of them."""

import dagster as dg

from assets.checks import verdict_result, video_check
from assets.pictures import crop_sheet, person_sheet
from assets.video_asset import video_asset
from resources.outputs import Outputs
from resources.settings import Settings
from videotracks.people.crop_store import CropStore
from videotracks.people.crop_tally import tally_crops
from videotracks.people.ranking import Ranking
from videotracks.people.validation import crops_coverage
from videotracks.recording import Recording
from videotracks.tables import Detections, Persons


@video_asset(file="crops_by_person.h5", storage="hdf5", group="people")
def crops_by_person(
    canonical_persons: Persons, detections: Detections, detection_crops: CropStore, outputs: Outputs
) -> dg.MaterializeResult[CropStore]:
    """Every crop of every person in time order, RGB of the box's size in pixels, copied without decoding.

    One group per person: reading one touches only its bytes. Read by the selection and the animations.
    """
    from videotracks.people.crops import write_crops_by_person

    path = outputs.draft("crops_by_person.h5")
    store = write_crops_by_person(path, canonical_persons, detections, detection_crops)
    return dg.MaterializeResult(
        value=store,
        metadata={
            "crops": len(store),
            "persons": len(store.persons),
            "summary": f"{len(store)} crops of {len(store.persons)} persons",
            **person_sheet(store, store.persons),
        },
    )


@video_check(asset="crops_by_person", also=["canonical_persons"], blocking=True)
def coverage(crops_by_person: CropStore, canonical_persons: Persons, settings: Settings) -> dg.AssetCheckResult:
    """Every person has a crop, and not an empty one, in at least 95 % of its frames."""
    return verdict_result(
        crops_coverage(canonical_persons, tally_crops(canonical_persons, crops_by_person), settings.validation)
    )


@video_asset(file="final_crops.h5", storage="hdf5", group="people", settings=["selection"])
def final_crops(
    recording: Recording,
    crops_by_person: CropStore,
    person_ranking: Ranking,
    outputs: Outputs,
    settings: Settings,
) -> dg.MaterializeResult[CropStore]:
    """The best crops of each ranked person, spread over its time, with quality scores 0 to 1 and a rank from 1.

    Read by the re-identification and the report.
    """
    from videotracks.people.quality import select_final_crops

    sizes = [(view.width, view.height) for view in recording.views]
    path = outputs.draft("final_crops.h5")
    store = select_final_crops(path, crops_by_person, person_ranking, sizes, settings.selection)
    best = person_ranking.primary_person
    return dg.MaterializeResult(
        value=store,
        metadata={
            "crops": len(store),
            "summary": f"{len(store)} best crops of {len(store.persons)} persons",
            **(crop_sheet(store.person(best)) if best in store.persons else {}),
        },
    )
