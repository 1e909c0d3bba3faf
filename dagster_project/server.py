"""The UI: Dagster's webserver and daemon as two child processes that live and die together."""

import signal
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console

from dagster_project.deployment import PROJECT, Deployment
from dagster_project.runs import dagster_instance


def serve(deployment: Deployment, host: str, port: int, console: Console) -> int:
    """Run webserver and daemon until Ctrl-C or until one of them ends; 0 after Ctrl-C, else its exit code."""
    with dagster_instance(deployment):
        pass
    programs = Path(sys.executable).parent
    workspace = ["-w", str(PROJECT / "workspace.yaml")]
    commands = [
        [str(programs / "dagster-webserver"), *workspace, "-h", host, "-p", str(port)],
        [str(programs / "dagster-daemon"), "run", *workspace],
    ]
    console.print(f"videos: {deployment.library().folder}\nUI: [bold]http://{host}:{port}[/] (Ctrl-C ends it)")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    children = [subprocess.Popen(command, cwd=PROJECT) for command in commands]
    try:
        while all(child.poll() is None for child in children):
            time.sleep(0.3)
        return next(child.returncode for child in children if child.returncode is not None) or 1
    except KeyboardInterrupt:
        return 0
    finally:
        for child in children:
            child.send_signal(signal.SIGINT)
        for child in children:
            child.wait(timeout=20)
