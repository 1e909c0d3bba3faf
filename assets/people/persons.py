"""From tracklets to persons, and who matters in the video."""

import dagster as dg
import numpy as np

from assets.checks import verdict_result, video_check
from assets.pictures import first_boxes, image
from assets.video_asset import Stored, video_asset, video_assets
from resources.baselines import Baselines
from resources.outputs import Outputs
from resources.settings import Settings
from videotracks.files import Files
from videotracks.people.crop_store import CropStore
from videotracks.people.grouping import GroupingLog
from videotracks.people.ranking import Ranking
from videotracks.people.validation import persons_against_baseline, persons_structure
from videotracks.recording import Recording
from videotracks.tables import Detections, Persons, Tracklets, TrackletStats


@video_assets(
    group="people",
    settings=["grouping", "track_filter"],
    outputs={
        "canonical_persons": Stored(
            "canonical_persons.npz",
            "npz",
            {"numpy"},
            "Tracklets merged into persons by the five checks: one row per box, xyxy in pixels, and the list of "
            "tracklets of each person. Read by ranking, crops and everything after.",
        ),
        "grouping_log": Stored(
            "grouping_log.json",
            "json",
            {"numpy"},
            "Which tracklets became which person, and which check refused which pair, with the value that was "
            "measured. Read by the grouping table and the report.",
        ),
    },
)
def group(
    recording: Recording,
    detections: Detections,
    detection_crops: CropStore,
    tracklets: Tracklets,
    tracklet_stats: TrackletStats,
    settings: Settings,
) -> tuple[dg.MaterializeResult[Persons], dg.MaterializeResult[GroupingLog]]:
    """Group tracklets into persons, from their stored statistics."""
    from videotracks.people.grouping import canonical_persons, group_tracklets, grouping_log

    groups = group_tracklets(tracklet_stats, [view.fps for view in recording.views], settings.grouping)
    persons = canonical_persons(tracklets, groups)
    log = grouping_log(persons, groups)
    rows = detections.row_of(persons.camera, persons.frame_numbers, persons.detection_indices)
    count, refused = len(persons.person_ids), sum(len(person.refused) for person in log.root)
    return (
        dg.MaterializeResult(
            asset_key="canonical_persons",
            value=persons,
            metadata={
                "persons": count,
                "summary": f"{count} persons from {tracklet_stats.row_count} tracklets",
                **first_boxes(persons, detection_crops, rows),
            },
        ),
        dg.MaterializeResult(
            asset_key="grouping_log",
            value=log,
            metadata={"refused_pairs": refused, "summary": f"{refused} pairs refused"},
        ),
    )


@video_check(asset="canonical_persons", also=["tracklets"], blocking=True)
def structure(canonical_persons: Persons, tracklets: Tracklets) -> dg.AssetCheckResult:
    """Every tracklet is in exactly one person, and every box of a person has its frame and its detection."""
    return verdict_result(persons_structure(canonical_persons, tracklets))


@video_check(asset="canonical_persons")
def persons_like_baseline(
    context: dg.AssetCheckExecutionContext, canonical_persons: Persons, baselines: Baselines, settings: Settings
) -> dg.AssetCheckResult:
    """As many persons as in the baseline, within the tolerance; a difference may be on purpose."""
    baseline = baselines.of(context.partition_key)
    before = baseline.canonical_persons if baseline else None
    return verdict_result(persons_against_baseline(canonical_persons, before, settings.validation))


@video_assets(
    group="people",
    settings=["ranking"],
    outputs={
        "person_ranking": Stored(
            "ranking_results.json",
            "json",
            {"numpy"},
            "Persons by what they matter in the video: duration, coverage, nearness to the centre, smoothness, each "
            "0 to 1. Read by the selection of crops.",
        ),
        "primary_person": Stored(
            "primary_person.npz", "npz", {"numpy"}, "The boxes of the person of rank 1, xyxy in pixels of the view."
        ),
    },
)
def rank(
    recording: Recording, canonical_persons: Persons, settings: Settings
) -> tuple[dg.MaterializeResult[Ranking], dg.MaterializeResult[Persons]]:
    """Score every person and pick the first."""
    from videotracks.people.ranking import primary_person, rank_persons

    frame_counts = [view.frame_count for view in recording.views]
    sizes = [(view.width, view.height) for view in recording.views]
    ranking = rank_persons(canonical_persons, frame_counts, sizes, settings.ranking)
    first = ranking.primary_person
    said = f"primary person {first}" if first is not None else "nobody to rank"
    return (
        dg.MaterializeResult(
            asset_key="person_ranking",
            value=ranking,
            metadata={"persons": len(ranking.rankings), "summary": said, "best": _best(ranking)},
        ),
        dg.MaterializeResult(asset_key="primary_person", value=primary_person(canonical_persons, ranking)),
    )


def _best(ranking: Ranking) -> dg.MarkdownMetadataValue:
    rows = [
        f"| {r.rank} | {r.person_id} | {r.score:.3f} | "
        + " | ".join(f"{value:.2f}" for value in r.components.model_dump().values())
        + " |"
        for r in ranking.rankings[:10]
    ]
    head = ["| rank | person | score | duration | coverage | center | smoothness |", "|---|---|---|---|---|---|---|"]
    return dg.MetadataValue.md("\n".join(head + rows))


@video_asset(file="grouping_table.csv", storage="files", group="people", kinds={"polars"}, settings=["timeline"])
def grouping_table(
    recording: Recording,
    tracklet_stats: TrackletStats,
    grouping_log: GroupingLog,
    person_ranking: Ranking,
    outputs: Outputs,
    settings: Settings,
) -> dg.MaterializeResult[Files]:
    """The debugging view: which tracklets became whom, and which check refused which pair, as CSV and as a picture."""
    from videotracks.people.grouping_table import grouping_table as tabulate
    from videotracks.people.timeline import draw_timeline

    table = tabulate(
        tracklet_stats,
        grouping_log,
        person_ranking,
        [view.timestamps_s for view in recording.views],
        [view.camera for view in recording.views],
    )
    csv, png = outputs.draft("grouping_table.csv"), outputs.draft("grouping_timeline.png")
    table.write_csv(csv)
    timeline = draw_timeline(table, max(view.duration_s for view in recording.views), settings.timeline)
    timeline.save(png)
    return dg.MaterializeResult(
        value=Files({"grouping_table.csv": csv, "grouping_timeline.png": png}),
        metadata={
            "dagster/row_count": table.height,
            "summary": f"{table.height} tracklets",
            "timeline": image(np.asarray(timeline.convert("RGB"))),
        },
    )
