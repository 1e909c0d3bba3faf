"""From the environment and ``videotracks.toml`` to resources: the only place that reads either."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from upath import UPath

from resources.baselines import Baselines
from resources.depth_estimator import DepthEstimatorModel
from resources.detector import DetectorModel
from resources.io_managers.files import FilesIOManager
from resources.io_managers.hdf5 import Hdf5IOManager
from resources.io_managers.json import JsonIOManager
from resources.io_managers.npz import NpzIOManager
from resources.language_model import LanguageModel
from resources.library import Library
from resources.outputs import SHARED, Outputs
from resources.persistence_filter import PersistenceFilterModel
from resources.point_tracker import PointTrackerModel
from resources.progress import ProgressLog
from resources.reidentifier import ReidentifierModel
from resources.segmenter import SegmenterModel
from resources.settings import Settings

PROJECT = Path(__file__).resolve().parents[1]
SETTINGS_FILE = "videotracks.toml"

#: What each profile chooses; a setting per model overrides it.
PROFILES: dict[str, dict[str, dict[str, str]]] = {
    "embedded": {
        "detector": {"kind": "hog"},
        "reidentifier": {"kind": "appearance"},
        "segmenter": {"kind": "flow"},
    },
    "production": {
        "detector": {"kind": "yolox", "weights": "yolox_s.onnx"},
        # Of the re-ID networks with a clear licence the one whose ONNX file its publisher offers for download.
        "reidentifier": {"kind": "youtureid"},
        "segmenter": {"kind": "sam2", "size": "small"},
    },
}


class Deployment(BaseSettings):
    """Where things lie, which models run, and every threshold.

    Read from ``VIDEOTRACKS_…`` variables (``VIDEOTRACKS_DETECTOR__KIND=yolox``), then from
    ``videotracks.toml`` in the project's folder, then from the defaults.
    """

    model_config = SettingsConfigDict(
        env_prefix="VIDEOTRACKS_", env_nested_delimiter="__", toml_file=PROJECT / SETTINGS_FILE, extra="forbid"
    )

    profile: Literal["embedded", "production"] = "embedded"
    data: Path = Field(PROJECT / "data", description="the folder of everything that is not code")
    videos: Path | None = Field(None, description="recordings; default <data>/videos")
    outputs: str | None = Field(None, description="outputs, a folder or a URL; default <data>/outputs")
    baselines: Path | None = Field(None, description="baselines; default <data>/baselines")
    weights: Path | None = Field(None, description="model weights; default <data>/weights")
    detector: dict[str, Any] = {}
    reidentifier: dict[str, Any] = {}
    segmenter: dict[str, Any] = {}
    depth_estimator: dict[str, Any] = {}
    point_tracker: dict[str, Any] = {}
    persistence_filter: dict[str, Any] = {}
    language_model: dict[str, Any] = {}
    settings: dict[str, dict[str, Any]] = Field({}, description="thresholds by stage; see resources/settings.py")

    @field_validator("data", "videos", "baselines", "weights")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return None if path is None else PROJECT / path.expanduser()

    @field_validator("settings")
    @classmethod
    def _known(cls, sections: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        unknown = sorted(set(sections) - set(Settings.model_fields))
        if unknown:
            raise ValueError(f"no settings named {unknown}; there are {sorted(Settings.model_fields)}")
        return sections

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then the settings file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def dagster_home(self) -> Path:
        """Where Dagster keeps its runs and events."""
        return self.data / "dagster"

    @property
    def videos_folder(self) -> Path:
        """Where recordings lie."""
        return self.videos or self.data / "videos"

    @property
    def baselines_folder(self) -> Path:
        """Where baselines lie."""
        return self.baselines or self.data / "baselines"

    @property
    def weights_folder(self) -> Path:
        """Where model weights lie."""
        return self.weights or self.data / "weights"

    def thresholds(self) -> Settings:
        """All thresholds: the defaults, and what is stated."""
        types = {name: field.annotation for name, field in Settings.model_fields.items()}
        return Settings(**{name: types[name](**values) for name, values in self.settings.items()})  # type: ignore[misc]

    def library(self) -> Library:
        """The folder of recordings."""
        return Library(folder=str(self.videos_folder))

    def output_store(self) -> Outputs:
        """The store of outputs."""
        return Outputs(root=self.outputs or str(self.data / "outputs"))

    def output_file(self, video: str, file: str) -> UPath | None:
        """Where an output of a video lies, or None where there is none."""
        path = self.output_store().path(video, file)
        return path if path.exists() else None

    def resources(self) -> dict[str, Any]:
        """All resources by the names under which assets ask for them."""
        outputs = self.output_store()
        chosen = PROFILES[self.profile]
        folder = str(self.weights_folder)
        return {
            "library": self.library(),
            "baselines": Baselines(folder=str(self.baselines_folder)),
            "outputs": outputs,
            "settings": self.thresholds(),
            "progress": ProgressLog(),
            "detector": DetectorModel(**{"weights_folder": folder, **chosen["detector"], **self.detector}),
            "reidentifier": ReidentifierModel(
                **{"weights_folder": folder, **chosen["reidentifier"], **self.reidentifier}
            ),
            "segmenter": SegmenterModel(**{"weights_folder": folder, **chosen["segmenter"], **self.segmenter}),
            # Without weights that may be shipped there is nothing to choose: both profiles track by flow.
            "depth_estimator": DepthEstimatorModel(**{"weights_folder": folder, **self.depth_estimator}),
            "point_tracker": PointTrackerModel(**self.point_tracker),
            "persistence_filter": PersistenceFilterModel(
                **{"trained_folder": str(outputs.base / SHARED), **self.persistence_filter}
            ),
            "language_model": LanguageModel(**self.language_model),
            "npz_io": NpzIOManager(outputs=outputs),
            "hdf5_io": Hdf5IOManager(outputs=outputs),
            "json_io": JsonIOManager(outputs=outputs),
            "files_io": FilesIOManager(outputs=outputs),
        }
