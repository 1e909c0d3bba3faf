"""Whole small sets of stage outputs, and the report made of them."""

import base64
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from tests.people.crop_examples import crops_by_person
from videotracks.people.animations import AnimationSettings, write_animations
from videotracks.people.grouping import GroupedPerson, GroupingLog, RefusedPair
from videotracks.people.merging import merge_persons
from videotracks.people.quality import SelectionSettings, select_final_crops
from videotracks.people.ranking import RankingSettings, rank_persons
from videotracks.people.report.data import ReportData, build_report_data
from videotracks.people.similarity import similarity_summary
from videotracks.recording import Recording, View
from videotracks.tables import Similarity

FPS, FRAMES, WIDTH, HEIGHT = 25, 100, 320, 240
THRESHOLD = 0.7


class ByHand:
    """Stands where the name of what compared is asked for."""

    name = "by hand"

    def provenance(self) -> dict[str, str]:
        return {"backend": "by hand", "weights": "none"}

    def features(self, crops: Sequence[np.ndarray]) -> np.ndarray:
        raise AssertionError("the similarities are given")


def recording_of(name: str = "street", cameras: Sequence[str] = ("cam_00",)) -> Recording:
    poster = cv2.imencode(".jpg", np.full((36, 64, 3), 120, np.uint8))[1].tobytes()
    views = [
        View(
            camera=camera, file=f"{i}.mp4", codec="h264", pixel_format="yuv420p", width=WIDTH, height=HEIGHT,
            rotation=0, fps=FPS, frame_count=FRAMES, duration_s=FRAMES / FPS, variable_frame_rate=False,
            tick=(1, FPS), steps=[(1, FRAMES - 1)],
        )
        for i, camera in enumerate(cameras)
    ]  # fmt: skip
    return Recording(
        key="street", name=name, source=f"/videos/{name}", views=views, content_hash="0" * 64,
        posters=[base64.b64encode(poster)],
    )  # fmt: skip


def sights_of(person: int, frames: Sequence[int], camera: int = 0) -> list:
    """Crops with a bar that moves with the frame, so that an animation of them moves too."""
    found = []
    for frame in frames:
        picture = np.full((60, 30, 3), 40, np.uint8)
        picture[:, :, person % 3] = 80 + person * 37 % 150
        picture[frame % 50 : frame % 50 + 10] = 250
        left = 20.0 + frame
        found.append((camera, frame, 0.9, (left, 60.0, left + 30, 120.0), picture))
    return found


def similarity_of(values: np.ndarray, seen: dict[int, list]) -> Similarity:
    """Similarities by hand; of each person the crops of the first two frames count as compared."""
    rows = [(sight[0], sight[1]) for person in sorted(seen) for sight in seen[person][:2]]
    places = np.array(rows, "i8").reshape(-1, 2)
    return Similarity(
        person_ids=np.array(sorted(seen), "i8"),
        similarity=np.asarray(values, "f4").reshape(len(seen), len(seen)),
        features=np.zeros((len(rows), 4), "f4"),
        feature_offsets=np.concatenate([[0], np.cumsum([len(seen[p][:2]) for p in sorted(seen)])]).astype("i8"),
        feature_camera=places[:, 0].astype("i2"),
        feature_frame_numbers=places[:, 1],
    )


def alike(count: int, pairs: dict[tuple[int, int], float]) -> np.ndarray:
    """Similarities of ``count`` persons: 0.3, 0.95 to themselves, and these."""
    values = np.full((count, count), 0.3)
    np.fill_diagonal(values, 0.95)
    for (a, b), value in pairs.items():
        values[a, b] = values[b, a] = value
    return values


def report_data(
    folder: Path,
    seen: dict[int, list],
    values: np.ndarray,
    recording: Recording | None = None,
    refused: Sequence[RefusedPair] = (),
    animations: int = 2,
) -> ReportData:
    """The report's content from all stages behind the detections, run on these sights."""
    recording = recording or recording_of()
    counts, sizes = [FRAMES] * len(recording.views), [(WIDTH, HEIGHT)] * len(recording.views)
    store, persons = crops_by_person(folder, seen, FRAMES)
    similarity = similarity_of(values, seen)
    ranking = rank_persons(persons, counts, sizes, RankingSettings())
    merged, merging = merge_persons(persons, similarity, THRESHOLD)
    merged_ranking = rank_persons(merged, counts, sizes, RankingSettings())
    settings = AnimationSettings(persons=animations, frames=8) if animations else None
    if settings:
        write_animations(folder / "webp", merged, store, merged_ranking, merging.merges, settings)
    log = [
        GroupedPerson(canonical_id=1, original_tracklet_ids=[1], num_merged=1, start_frame=0, end_frame=1,
                      total_frames=2, refused=list(refused))
    ]  # fmt: skip
    with store, select_final_crops(folder / "final.h5", store, ranking, sizes, SelectionSettings()) as final:
        return build_report_data(
            recording, merged, merging.model_copy(update={"rankings": merged_ranking}), similarity,
            similarity_summary(similarity, ByHand(), THRESHOLD), final, folder / "webp", GroupingLog(log),
            counts={"frames": FRAMES, "detections": 12345, "persons": len(merged.person_ids)},
            accuracy={"HOTA": 0.5}, provenance={"detector": {"backend": "hog"}},
        )  # fmt: skip


def four_persons(folder: Path, recording: Recording | None = None) -> ReportData:
    """Persons 1 and 2 are joined, 1 and 4 are alike but seen side by side, 1 and 3 are not alike."""
    seen = {
        1: sights_of(1, range(0, 30)),
        2: sights_of(2, range(60, 80)),
        3: sights_of(3, range(40, 100)),
        4: sights_of(4, range(10, 20)),
    }
    values = alike(4, {(0, 1): 0.9, (0, 2): 0.1, (0, 3): 0.8})
    refused = [RefusedPair(tracklet_1=1, tracklet_2=2, check="gap", value=31, limit=25)]
    return report_data(folder, seen, values, recording, refused)
