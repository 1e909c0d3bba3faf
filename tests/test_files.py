"""Files: names that stay where they are put."""

from pathlib import Path

import pytest

from videotracks.files import Files, check_relative_name


@pytest.mark.parametrize("name", ["a", "webp/person_03.webp", "ä.html", "a-b_c.tar.gz", "..a"])
def test_plain_names_are_taken(name: str) -> None:
    assert check_relative_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../a", "a/../b", "/a", "a//b", "a/", "./a", "a\\b", "c:a", "a\0", "a\nb"]
)
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="file name"):
        check_relative_name(name)


def test_members_must_not_lie_inside_each_other() -> None:
    with pytest.raises(ValueError, match="'webp/a' lies inside another member"):
        Files({"webp": Path("x"), "webp/a": Path("y")})


def test_walks_files_and_folders_in_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "draft" / "deep").mkdir(parents=True)
    for name in ("draft/b", "draft/deep/a", "page"):
        (tmp_path / name).touch()
    files = Files({"webp": tmp_path / "draft", "a.html": tmp_path / "page"})
    assert [name for name, _ in files.walk()] == ["a.html", "webp/b", "webp/deep/a"]
    assert files["webp"] == tmp_path / "draft"


def test_links_and_missing_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "link").symlink_to("/etc/hostname")
    with pytest.raises(ValueError, match="a link"):
        list(Files({"folder": tmp_path / "folder"}).walk())
    with pytest.raises(FileNotFoundError, match="'page' is not there"):
        list(Files({"page": tmp_path / "page"}).walk())
