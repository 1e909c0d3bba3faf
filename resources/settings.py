"""Every threshold of the graph, by stage: one section per settings class of ``videotracks``."""

import dagster as dg

from videotracks.masks.candidates.view import CandidateSettings
from videotracks.masks.comparison.view import ComparisonSettings
from videotracks.masks.hierarchy.tree import HierarchySettings
from videotracks.masks.person_objects import PersonObjectSettings
from videotracks.masks.tracking.settings import MaskTrackingSettings
from videotracks.masks.truth import MaskTruthSettings
from videotracks.people.animations import AnimationSettings
from videotracks.people.annotate import AnnotationSettings
from videotracks.people.bytetrack import TrackingSettings
from videotracks.people.crop_layout import CropSettings
from videotracks.people.detection import DetectionSettings
from videotracks.people.grouping import GroupingSettings
from videotracks.people.merging import MergingSettings
from videotracks.people.quality import SelectionSettings
from videotracks.people.ranking import RankingSettings
from videotracks.people.similarity import SimilaritySettings
from videotracks.people.statistics import ReidCandidateSettings
from videotracks.people.timeline import TimelineSettings
from videotracks.people.validation import ValidationSettings
from videotracks.persistence.classifier.evaluation import EvaluationSettings
from videotracks.persistence.classifier.faithfulness import FaithfulnessSettings
from videotracks.persistence.classifier.settings import SMALL, NetworkSettings, TrainingSettings
from videotracks.persistence.decisions.deciding import DecisionSettings
from videotracks.persistence.decisions.kept_tracklets import TrackFilterSettings
from videotracks.persistence.generator.plan import SplitScenes, TracksSettings
from videotracks.persistence.generator.scene import SceneSettings as GeneratedSceneSettings
from videotracks.persistence.scenarios.results import ScenarioSettings
from videotracks.persistence.tokenizer.settings import TokenizerSettings, TokenizerTrainingSettings
from videotracks.persistence.triangulation.evidence import EvidenceSettings
from videotracks.persistence.triangulation.integrated import TriangulationSettings
from videotracks.persistence.triangulation.triangulating import TriangulatingSettings
from videotracks.points.batches import BatchSettings
from videotracks.points.depth.maps import DepthSettings
from videotracks.points.depth.stereo import StereoSettings
from videotracks.points.instance_tracks import PointTrackingSettings
from videotracks.points.instances.finding import InstanceSettings
from videotracks.points.instances.masks import MaskSettings
from videotracks.points.instances.queries import QuerySettings
from videotracks.points.pictures.scene import SceneSettings
from videotracks.points.pictures.trails import TrailSettings
from videotracks.points.refinement.refining import RefinementSettings
from videotracks.points.truth import PointTruthSettings

# Dagster shows as configuration only what derives from its Config; the fields, defaults and texts are inherited.


class Detection(dg.Config, DetectionSettings): ...  # noqa: D101


class Crops(dg.Config, CropSettings): ...  # noqa: D101


class Tracking(dg.Config, TrackingSettings): ...  # noqa: D101


class ReidCandidates(dg.Config, ReidCandidateSettings): ...  # noqa: D101


class Grouping(dg.Config, GroupingSettings): ...  # noqa: D101


class Ranking(dg.Config, RankingSettings): ...  # noqa: D101


class Selection(dg.Config, SelectionSettings): ...  # noqa: D101


class Similarity(dg.Config, SimilaritySettings): ...  # noqa: D101


class Merging(dg.Config, MergingSettings): ...  # noqa: D101


class Animations(dg.Config, AnimationSettings): ...  # noqa: D101


class Annotation(dg.Config, AnnotationSettings): ...  # noqa: D101


class Timeline(dg.Config, TimelineSettings): ...  # noqa: D101


class Validation(dg.Config, ValidationSettings): ...  # noqa: D101


class MaskCandidates(dg.Config, CandidateSettings): ...  # noqa: D101


class MaskTracking(dg.Config, MaskTrackingSettings): ...  # noqa: D101


class MaskTruth(dg.Config, MaskTruthSettings): ...  # noqa: D101


class MaskComparison(dg.Config, ComparisonSettings): ...  # noqa: D101


class MaskHierarchy(dg.Config, HierarchySettings): ...  # noqa: D101


class PersonObjects(dg.Config, PersonObjectSettings): ...  # noqa: D101


class Stereo(dg.Config, StereoSettings): ...  # noqa: D101


class PointDepth(dg.Config, DepthSettings):  # noqa: D101
    stereo: Stereo = Stereo()


class PointTracking(dg.Config, PointTrackingSettings): ...  # noqa: D101


class PointMasks(dg.Config, MaskSettings): ...  # noqa: D101


class Instances(dg.Config, InstanceSettings): ...  # noqa: D101


class QueryPoints(dg.Config, QuerySettings): ...  # noqa: D101


class PointBatches(dg.Config, BatchSettings): ...  # noqa: D101


class PointTruth(dg.Config, PointTruthSettings): ...  # noqa: D101


class PointScene(dg.Config, SceneSettings): ...  # noqa: D101


class Refinement(dg.Config, RefinementSettings): ...  # type: ignore[misc]  # noqa: D101


class PointTrails(dg.Config, TrailSettings): ...  # noqa: D101


class Decisions(dg.Config, DecisionSettings): ...  # noqa: D101


class TrackFilter(dg.Config, TrackFilterSettings): ...  # noqa: D101


class Matching(dg.Config, EvidenceSettings): ...  # noqa: D101


class Positions(dg.Config, TriangulatingSettings): ...  # noqa: D101


class Triangulation(dg.Config, TriangulationSettings):  # noqa: D101
    matching: Matching = Matching()
    positions: Positions = Positions()


class Scenes(dg.Config, SplitScenes): ...  # noqa: D101


class GeneratedScene(dg.Config, GeneratedSceneSettings): ...  # noqa: D101


_TRACKS = TracksSettings()


class SyntheticTracks(dg.Config, TracksSettings):  # noqa: D101
    matched: Scenes = Scenes(**_TRACKS.matched.model_dump())
    classic: Scenes = Scenes(**_TRACKS.classic.model_dump())
    planted: Scenes = Scenes(**_TRACKS.planted.model_dump())
    scene: GeneratedScene = GeneratedScene()


class Tokenizer(dg.Config, TokenizerSettings): ...  # noqa: D101


class TokenizerTraining(dg.Config, TokenizerTrainingSettings):  # noqa: D101
    network: Tokenizer = Tokenizer()


class Classifier(dg.Config, NetworkSettings): ...  # noqa: D101


class ClassifierTraining(dg.Config, TrainingSettings):  # noqa: D101
    network: Classifier = Classifier(**SMALL.network.model_dump())


class PersistenceEvaluation(dg.Config, EvaluationSettings): ...  # noqa: D101


class FaithfulnessTests(dg.Config, FaithfulnessSettings): ...  # noqa: D101


class Scenarios(dg.Config, ScenarioSettings): ...  # noqa: D101


class Settings(dg.ConfigurableResource):
    """All thresholds. What an asset reads is part of its code version: changing it makes the asset stale."""

    detection: Detection = Detection()
    crops: Crops = Crops()
    tracking: Tracking = Tracking()
    reid_candidates: ReidCandidates = ReidCandidates()
    grouping: Grouping = Grouping()
    ranking: Ranking = Ranking()
    selection: Selection = Selection()
    similarity: Similarity = Similarity()
    merging: Merging = Merging()
    animations: Animations = Animations()
    annotation: Annotation = Annotation()
    timeline: Timeline = Timeline()
    validation: Validation = Validation()
    mask_candidates: MaskCandidates = MaskCandidates()
    mask_tracking: MaskTracking = MaskTracking()
    mask_truth: MaskTruth = MaskTruth()
    mask_comparison: MaskComparison = MaskComparison()
    mask_hierarchy: MaskHierarchy = MaskHierarchy()
    person_objects: PersonObjects = PersonObjects()
    point_depth: PointDepth = PointDepth()
    point_tracking: PointTracking = PointTracking()
    point_masks: PointMasks = PointMasks()
    instances: Instances = Instances()
    query_points: QueryPoints = QueryPoints()
    point_batches: PointBatches = PointBatches()
    point_truth: PointTruth = PointTruth()
    point_scene: PointScene = PointScene()
    refinement: Refinement = Refinement()
    point_trails: PointTrails = PointTrails()
    decisions: Decisions = Decisions()
    track_filter: TrackFilter = TrackFilter()
    triangulation: Triangulation = Triangulation()
    synthetic_tracks: SyntheticTracks = SyntheticTracks()
    tokenizer_training: TokenizerTraining = TokenizerTraining()
    classifier_training: ClassifierTraining = ClassifierTraining(**SMALL.model_dump(exclude={"network"}))
    persistence_evaluation: PersistenceEvaluation = PersistenceEvaluation()
    faithfulness: FaithfulnessTests = FaithfulnessTests()
    scenarios: Scenarios = Scenarios()
