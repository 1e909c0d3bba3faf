"""The baselines: frozen copies of outputs that checks compare with."""

from pathlib import Path

import dagster as dg

from videotracks.baseline import Baseline


class Baselines(dg.ConfigurableResource):
    """The folder of baselines, one folder per video."""

    folder: str

    def of(self, video: str) -> Baseline | None:
        """The baseline of a video, or None where none was captured."""
        return Baseline.open(Path(self.folder) / video)
