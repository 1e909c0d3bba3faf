"""The page of a video's decisions."""

import dagster as dg

from assets.pictures import image
from assets.video_asset import video_asset
from resources.library import Library
from resources.outputs import Outputs
from videotracks.files import Files
from videotracks.people.crop_store import CropStore
from videotracks.persistence.decisions.deciding import PersistenceDecisions, TrackletImportance
from videotracks.recording import Recording
from videotracks.tables import Detections, Tracklets

PAGE = "persistence.html"


@video_asset(file=PAGE, storage="files", group="persistence", kinds={"html"})
def persistence_report(
    context: dg.AssetExecutionContext,
    recording: Recording,
    tracklets: Tracklets,
    detections: Detections,
    detection_crops: CropStore,
    persistence_decisions: PersistenceDecisions,
    attention: TrackletImportance,
    library: Library,
    outputs: Outputs,
) -> dg.MaterializeResult[Files]:
    """A page of the tracklets that were filtered and kept, surest and least sure, with the frames that decided.

    One HTML file that opens from disk. For people.
    """
    from videotracks.persistence.classifier.filter import PersistenceFilter
    from videotracks.persistence.decisions.agreement import agreement, real_tracklets
    from videotracks.persistence.decisions.page import MOST_SHOWN, PersistenceReport, write_persistence_page
    from videotracks.persistence.decisions.pictures import draw_tracks
    from videotracks.persistence.decisions.shown_tracks import ends_of, shown_tracks

    filtered, kept = (
        shown_tracks(ends_of(chosen, MOST_SHOWN), attention, tracklets, detections, detection_crops)
        for chosen in (persistence_decisions.filtered, persistence_decisions.kept)
    )
    real = real_tracklets(recording, library.source(context.partition_key), tracklets)
    report = PersistenceReport(
        recording=recording,
        decisions=persistence_decisions,
        filtered=filtered,
        kept=kept,
        explain=PersistenceFilter.get_explanation,
        agreement=None if real is None else agreement(persistence_decisions, real),
        real=real or {},
        provenance={"encoder": persistence_decisions.encoder, "classifier": persistence_decisions.classifier},
    )
    path = outputs.draft(PAGE)
    write_persistence_page(path, report)
    sheets = {name: image(draw_tracks(shown)) for name, shown in (("filtered", filtered), ("kept", kept)) if shown}
    return dg.MaterializeResult(
        value=Files({PAGE: path}), metadata={"summary": persistence_decisions.sentence(), **sheets}
    )
