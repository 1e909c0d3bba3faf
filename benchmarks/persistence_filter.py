"""What the persistence filter costs beside the people graph: ``python -m benchmarks.persistence_filter VIDEO``.

Runs both branches of a video in one process, one after the other, and compares what their steps took by the clock.
The goal is a share of 0.10 or less.
"""

import argparse
import tempfile
from pathlib import Path

import dagster as dg
from rich.console import Console

from dagster_project.definitions import build_defs
from dagster_project.deployment import Deployment

GOAL = 0.10
FILTER = ("tracklet_features", "persistence_decisions", "kept_tracklets")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", type=Path)
    video = parser.parse_args().video
    with tempfile.TemporaryDirectory() as folder, dg.DagsterInstance.ephemeral() as instance:
        deployment = Deployment(data=Path(folder))
        key = deployment.library().add(video)
        instance.add_dynamic_partitions("videos", [key])
        defs = build_defs(deployment)
        people = dg.AssetSelection.groups("people", "recordings")
        chosen = (people | dg.AssetSelection.assets(*FILTER)).resolve(defs.resolve_asset_graph())
        result = defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance, partition_key=key, asset_selection=sorted(chosen)
        )
        took: dict[str, float] = {}
        for event in result.get_asset_materialization_events():
            cost = event.materialization.metadata["cost/wall_s"].value
            # Assets that are made together state what they cost together.
            took[event.step_key or ""] = float(cost)  # type: ignore[arg-type]
    of_filter = {name: seconds for name, seconds in took.items() if name in (*FILTER, "decide")}
    of_people = sum(seconds for name, seconds in took.items() if name not in of_filter)
    share = sum(of_filter.values()) / of_people
    parts = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in of_filter.items())
    told = "met" if share <= GOAL else "missed"
    Console().print(f"people graph {of_people:.1f} s; filter {parts}; share {share:.4f}, goal {GOAL}: {told}")


if __name__ == "__main__":
    main()
