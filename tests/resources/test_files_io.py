"""Plain files and folders through their IO manager: all of them, or none."""

import json
import shutil
from pathlib import Path

import dagster as dg
import pytest

from resources.io_managers import files as files_io
from tests.resources.runs import OTHER, VIDEO, Store, metadata_of, videos
from videotracks.files import Files

PERSONS = {"count": 2}


@dg.asset(partitions_def=videos, io_manager_key="files_io", metadata={"file": "report.html"})
def report(context: dg.AssetExecutionContext, outputs: dg.ResourceParam) -> dg.MaterializeResult[Files]:
    page, folder = outputs.draft("report.html"), outputs.draft("webp")
    page.write_text(f"{PERSONS['count']} in {context.partition_key}")
    folder.mkdir()
    for person in range(PERSONS["count"]):
        (folder / f"person_{person:02}.webp").write_text("w" * (person + 1))
    return dg.MaterializeResult(value=Files({"report.html": page, "webp": folder}))


@dg.asset(partitions_def=videos, io_manager_key="files_io", metadata={"file": "copy.txt"})
def summary(report: Files, outputs: dg.ResourceParam) -> Files:
    draft = outputs.draft("copy.txt")
    draft.write_text(
        report["report.html"].read_text() + "; " + " ".join(p.name for p in sorted(report["webp"].iterdir()))
    )
    return Files({"copy.txt": draft})


@pytest.fixture(autouse=True)
def _two_persons() -> None:
    PERSONS["count"] = 2


MANIFEST = ".report.html.manifest.json"


def test_files_and_folders_come_back_in_a_later_run(store: Store) -> None:
    for video in (VIDEO, OTHER):
        told = metadata_of(store.run(report, video=video), "report")
        assert told["files"] == ["report.html", "webp"]
        assert told["bytes"] == len(f"2 in {video}") + 3
    store.run(report, summary, video=OTHER, select=["summary"])
    assert store.file("copy.txt", OTHER).read_text() == f"2 in {OTHER}; person_00.webp person_01.webp"
    assert store.names == [MANIFEST, "report.html", "webp"]


def test_a_folder_is_replaced_as_a_whole(store: Store) -> None:
    for count in (3, 1, 0, 2):
        PERSONS["count"] = count
        store.run(report)
        store.run(report, summary, select=["summary"])
        expected = " ".join(f"person_{person:02}.webp" for person in range(count))
        assert store.file("copy.txt").read_text() == f"{count} in {VIDEO}; {expected}"


def test_a_member_that_is_no_longer_made_goes(store: Store) -> None:
    store.run(report)

    @dg.asset(name="report", partitions_def=videos, io_manager_key="files_io", metadata={"file": "report.html"})
    def page_only(outputs: dg.ResourceParam) -> Files:
        page = outputs.draft("report.html")
        page.write_text("alone")
        return Files({"report.html": page})

    store.run(page_only)
    assert store.names == [MANIFEST, "report.html"]


def test_the_entry_point_may_lie_inside_a_folder(store: Store) -> None:
    @dg.asset(partitions_def=videos, io_manager_key="files_io", metadata={"file": "site/index.html"})
    def site(outputs: dg.ResourceParam) -> Files:
        folder = outputs.draft("site")
        (folder / "css").mkdir(parents=True)
        (folder / "index.html").write_text("page")
        (folder / "css" / "a.css").write_text("style")
        return Files({"site": folder})

    @dg.asset(partitions_def=videos, io_manager_key="json_io", metadata={"file": "x.json"})
    def reader(site: Files) -> None:
        assert (site["site"] / "css" / "a.css").read_text() == "style"
        assert [name for name, _ in site.walk()] == ["site/css/a.css", "site/index.html"]

    store.run(site)
    store.run(site, reader)


def damage_a_file(store: Store) -> None:
    store.file("report.html").write_text("half")


def lose_a_member(store: Store) -> None:
    file = store.file("webp") / "person_01.webp"
    file.unlink()


def lose_the_manifest(store: Store) -> None:
    store.file(MANIFEST).unlink()


def manifest(store: Store, **changed: object) -> None:
    written = json.loads(store.file(MANIFEST).read_text())
    store.file(MANIFEST).write_text(json.dumps({**written, **changed}))


def point_elsewhere(store: Store) -> None:
    manifest(store, members=["../../secret"], files={"../../secret": 1})


def list_a_stray_file(store: Store) -> None:
    manifest(store, files={"other.txt": 1})


def lie_about_a_size(store: Store) -> None:
    manifest(store, files={"report.html": -1})


def cut_the_manifest(store: Store) -> None:
    store.file(MANIFEST).write_text('{"members": [')


@pytest.mark.parametrize(
    "damage",
    [
        damage_a_file,
        lose_a_member,
        lose_the_manifest,
        point_elsewhere,
        list_a_stray_file,
        lie_about_a_size,
        cut_the_manifest,
    ],
)
def test_a_damaged_input_says_what_to_materialise(store: Store, damage) -> None:
    store.run(report)
    damage(store)
    message = store.error(report, summary, select=["summary"])
    assert f"CorruptFileError: report of {VIDEO}: " in message
    assert f"`videotracks run {VIDEO} --select report`" in message
    store.run(report)
    store.run(report, summary, select=["summary"])


def test_a_file_that_was_put_into_a_folder_is_named_and_a_hidden_one_is_let_be(local_store: Store) -> None:
    local_store.run(report)
    (local_store.file("webp") / ".DS_Store").touch()
    local_store.run(report, summary, select=["summary"])
    (local_store.file("webp") / "person_99.webp").touch()
    message = local_store.error(report, summary, select=["summary"])
    assert f"{local_store.file('webp')}/person_99.webp: not written by this project; remove it" in message


def test_a_file_that_became_a_link_is_refused(local_store: Store) -> None:
    local_store.run(report)
    local_store.file("report.html").unlink()
    local_store.file("report.html").symlink_to("/etc/hostname")
    assert "CorruptFileError" in local_store.error(report, summary, select=["summary"])


def test_a_missing_input_says_what_to_materialise(store: Store) -> None:
    message = store.error(report, summary, select=["summary"])
    assert f"MissingOutputError: report of {VIDEO}: no file" in message


@pytest.mark.parametrize("moves", range(6))
def test_a_swap_that_breaks_off_leaves_the_old_files(
    local_store: Store,
    monkeypatch: pytest.MonkeyPatch,
    moves: int,
) -> None:
    local_store.run(report)
    PERSONS["count"] = 3
    left, move = moves, shutil.move

    def breaks_off(source: Path, target: Path) -> None:
        nonlocal left
        left -= 1
        if left == -1:
            raise OSError(28, "No space left on device")
        move(source, target)

    monkeypatch.setattr(files_io.shutil, "move", breaks_off)
    assert "No space left" in local_store.error(report)
    monkeypatch.undo()
    local_store.run(report, summary, select=["summary"])
    assert local_store.file("copy.txt").read_text() == f"2 in {VIDEO}; person_00.webp person_01.webp"


def test_an_upload_that_breaks_off_leaves_the_old_files(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    if not store.outputs.root.startswith("memory"):
        pytest.skip("a local store uploads nothing")
    store.run(report)
    PERSONS["count"] = 3
    fs = store.outputs.base.fs
    upload = type(fs).put_file

    def breaks_off(self, source: str, target: str, **options) -> None:
        if target.endswith("person_02.webp"):
            raise ConnectionError("cut")
        upload(self, source, target, **options)

    monkeypatch.setattr(type(fs), "put_file", breaks_off)
    assert "ConnectionError: cut" in store.error(report)
    monkeypatch.undo()
    assert store.names == [MANIFEST, "report.html", "webp"]
    store.run(report, summary, select=["summary"])
    assert store.file("copy.txt").read_text().startswith(f"2 in {VIDEO}")


def test_the_entry_point_must_be_among_the_files(local_store: Store) -> None:
    @dg.asset(partitions_def=videos, io_manager_key="files_io", metadata={"file": "index.html"})
    def pages(outputs: dg.ResourceParam) -> Files:
        draft = outputs.draft("other.html")
        draft.write_text("x")
        return Files({"other.html": draft})

    assert "the asset's file 'index.html' is not among ['other.html']" in local_store.error(pages)


def test_links_and_stored_files_are_not_taken(local_store: Store) -> None:
    local_store.run(report)

    @dg.asset(partitions_def=videos, io_manager_key="files_io", metadata={"file": "link"})
    def link(outputs: dg.ResourceParam) -> Files:
        draft = outputs.draft("link")
        draft.symlink_to("/etc/hostname")
        return Files({"link": draft})

    @dg.asset(partitions_def=videos, io_manager_key="files_io", metadata={"file": "mine.html"})
    def theft(report: Files) -> Files:
        return Files({"mine.html": report["report.html"]})

    assert "a link, not a file" in local_store.error(link)
    assert "already a stored output" in local_store.error(report, theft, select=["theft"])
    assert local_store.names == [MANIFEST, "report.html", "webp"]
