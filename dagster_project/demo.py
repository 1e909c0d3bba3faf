"""The demonstration: a generated street through the whole graph, and how well the truth was found."""

import time

from rich.console import Console

from dagster_project.deployment import Deployment
from dagster_project.runs import PAGES, run_video
from videotracks.demo.clip import write_demo
from videotracks.demo.rig import write_rig

VIDEO, RIG = "demo_street", "demo_rig"
RIG_VIEWS = 3


def run_demo(deployment: Deployment, seconds: float, people: int, console: Console) -> int:
    """Render the clip into the library, run the graph on it, and tell how it scored; the exit code."""
    begun = time.monotonic()
    folder = deployment.videos_folder / VIDEO
    console.print(f"Rendering {seconds:g} s of a street with {people} people whose tracks are known …")
    write_demo(folder, seconds=seconds, people=people)
    outcome = run_video(deployment, VIDEO, "*", console)
    scores = {check.check_name: check.metadata for check in outcome.checks}
    accuracy = scores.get("person_accuracy", {})
    if "hota" in accuracy:
        told = ", ".join(f"{name.upper()} {accuracy[name].value:.3f}" for name in ("hota", "idf1", "mota"))
        console.print(f"\nPersons against the truth: [bold]{told}[/], {accuracy['idsw'].value} identity switches")
    masks = scores.get("mask_accuracy", {})
    if "j" in masks:
        console.print(f"Masks against the truth: [bold]J {masks['j'].value:.3f}, F {masks['f'].value:.3f}[/]")
    for page in PAGES:
        if report := deployment.output_file(VIDEO, page):
            console.print(f"Report: [bold]{report}[/]", soft_wrap=True)
    console.print(f"{time.monotonic() - begun:.0f} s. A drawn street is a demonstration; your own video comes next:")
    console.print("  [bold].venv/bin/videotracks run path/to/video.mp4[/]")
    return outcome.exit_code


def run_rig(deployment: Deployment, console: Console) -> int:
    """Render the street before calibrated cameras, track points on its people in 3D, and tell how it scored."""
    begun = time.monotonic()
    console.print(f"Rendering a street before {RIG_VIEWS} calibrated cameras, with depth and points that are known …")
    write_rig(deployment.videos_folder / RIG, views=RIG_VIEWS)
    outcome = run_video(deployment, RIG, "*", console)
    accuracy = next((check for check in outcome.checks if check.check_name == "point_accuracy"), None)
    if accuracy is not None:
        console.print(f"\nThe point tracker against the truth: [bold]{accuracy.description}[/]")
    for file in ("combined/cam_00.mp4", "masks.html", f"{RIG}_flow_combined.rrd"):
        if made := deployment.output_file(RIG, file):
            console.print(f"made: [bold]{made}[/]", soft_wrap=True)
    console.print(f"{time.monotonic() - begun:.0f} s")
    return outcome.exit_code
