"""Masks and people, made apart: which object each person's box shows, and crops without what is around the person."""

import dagster as dg

from assets.checks import video_check
from assets.pictures import person_sheet
from assets.video_asset import video_asset
from resources.outputs import Outputs
from resources.progress import ProgressLog
from resources.settings import Settings
from videotracks.files import Files
from videotracks.people.crop_store import CropStore
from videotracks.recording import Recording
from videotracks.tables import PersonObjects, Persons


@video_asset(file="person_objects.npz", storage="npz", group="masks", kinds={"numpy"}, settings=["person_objects"])
def person_objects(
    context: dg.AssetExecutionContext,
    recording: Recording,
    canonical_persons: Persons,
    mask_tracks: Files,
    settings: Settings,
    progress: ProgressLog,
) -> dg.MaterializeResult[PersonObjects]:
    """The tracked object that each person's box shows: level, object id, IoU of the box with the mask's bounding box.

    One row per box of the persons, in order of view, frame and detection; object 0 where none belongs to the box.
    Read by the masked crops.
    """
    from videotracks.masks.layout import opened_tracks
    from videotracks.masks.person_objects import box_consistency, match_person_boxes

    with opened_tracks(mask_tracks, recording) as tracks:
        bar = progress.of(context, "matching persons and masks")
        found = match_person_boxes(canonical_persons, tracks, settings.person_objects, bar)
    agreement = box_consistency(found)
    return dg.MaterializeResult(
        value=found,
        metadata={
            "share_with_mask": round(agreement.share, 4),
            "summary": f"{agreement.with_mask} of {agreement.boxes} boxes have a mask",
        },
    )


@video_check(asset="person_objects")
def boxes_have_masks(person_objects: PersonObjects, settings: Settings) -> dg.AssetCheckResult:
    """At least half of the persons' boxes show an object that was followed: two ways of seeing agree."""
    from videotracks.masks.person_objects import box_consistency

    found, wanted = box_consistency(person_objects), settings.person_objects.expected_share
    said = f"{found.with_mask} of {found.boxes} boxes ({found.share:.0%}) show a tracked object"
    if found.persons_without:
        said += f"; never: persons {', '.join(map(str, found.persons_without[:5]))}"
    return dg.AssetCheckResult(
        passed=found.share >= wanted,
        severity=dg.AssetCheckSeverity.WARN,
        description=said if found.boxes else "no person was seen in a frame that objects were followed through",
        metadata={**found.model_dump(exclude={"persons_without"}), "share": found.share, "expected_share": wanted},
    )


@video_asset(file="masked_crops.h5", storage="hdf5", group="masks", kinds={"opencv"})
def masked_crops(
    recording: Recording,
    final_crops: CropStore,
    person_objects: PersonObjects,
    mask_tracks: Files,
    outputs: Outputs,
) -> dg.MaterializeResult[CropStore]:
    """The best crops of each person with everything but the person's object made grey, RGB of the box's size.

    A crop without a mask stays as it is (column ``has_mask``). Compared by the re-identification in the place of the
    whole crops where ``similarity.background`` is ``removed``.
    """
    from videotracks.masks.layout import opened_tracks
    from videotracks.masks.masked_crops import HAS_MASK, write_masked_crops

    with opened_tracks(mask_tracks, recording) as tracks:
        store = write_masked_crops(outputs.draft("masked_crops.h5"), final_crops, person_objects, tracks)
    masked = sum(int(store.person(p).extra[HAS_MASK].sum()) for p in store.persons)
    return dg.MaterializeResult(
        value=store,
        metadata={
            "crops": len(store),
            "masked": masked,
            "summary": f"{masked} of {len(store)} crops without their background",
            **person_sheet(store, store.persons),
        },
    )
