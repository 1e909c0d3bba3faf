"""The library of recordings: what is added to it, and what it refuses."""

from pathlib import Path

import pytest

from resources.library import Library
from videotracks.errors import RecordingError


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(folder=str(tmp_path / "library"))


@pytest.fixture
def camera(tmp_path: Path) -> Path:
    """A folder that recordings come from."""
    (tmp_path / "camera").mkdir()
    return tmp_path / "camera"


def video(folder: Path, name: str = "street.mp4", content: bytes = b"a video") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_a_library_that_is_not_there_yet_is_empty(library: Library) -> None:
    assert library.sources() == {}


def test_a_recording_is_linked_and_its_folder_left_as_it_was(library: Library, camera: Path) -> None:
    path = video(camera)
    assert library.add(path) == "street"
    assert library.source("street").is_symlink()
    assert library.source("street").resolve() == path
    assert list(camera.iterdir()) == [path]


def test_a_copy_has_its_annotations_beside_it_and_outlives_the_original(library: Library, camera: Path) -> None:
    path = video(camera)
    (camera / "street.gt.txt").write_text("truth")
    library.add(path, copy=True)
    path.unlink()
    assert library.source("street").read_bytes() == b"a video"
    assert library.source("street").with_name("street.gt.txt").read_text() == "truth"
    assert sorted(p.name for p in Path(library.folder).iterdir()) == ["street.gt.txt", "street.mp4"]


@pytest.mark.parametrize("copy", [False, True])
def test_a_folder_of_views_is_one_recording(library: Library, camera: Path, copy: bool) -> None:
    video(camera, "cam_00.mp4"), video(camera, "cam_01.mp4")
    assert library.add(camera, copy=copy) == "camera"
    assert library.source("camera").is_dir()
    assert library.source("camera").is_symlink() is not copy


def test_a_folder_with_a_dot_in_its_name_is_found_under_its_key(library: Library, camera: Path) -> None:
    dotted = camera / "crossing.2024"
    dotted.mkdir()
    video(dotted)
    assert library.add(dotted) in library.sources()


def test_adding_again_is_looking_up(library: Library, camera: Path) -> None:
    path = video(camera)
    assert library.add(path) == library.add(path) == "street"
    assert library.add(library.source("street")) == "street"


def test_another_recording_of_the_same_key_is_refused_with_both_names(library: Library, camera: Path) -> None:
    library.add(video(camera))
    (camera / "other").mkdir()
    for name in ("street.mp4", "street.mov"):
        with pytest.raises(RecordingError, match="another recording 'street'") as refused:
            library.add(video(camera / "other", name))
        assert str(library.source("street")) in str(refused.value)


@pytest.mark.parametrize("name", ["notes.txt", "folder"])
def test_what_is_no_recording_is_refused_and_leaves_nothing(library: Library, camera: Path, name: str) -> None:
    path = camera / name
    path.mkdir() if name == "folder" else path.write_text("hello")
    for copy in (False, True):
        with pytest.raises(RecordingError, match="neither a video"):
            library.add(path, copy=copy)
    assert not Path(library.folder).exists()


def test_something_else_of_that_name_in_the_library_is_left_alone(library: Library, camera: Path) -> None:
    (Path(library.folder) / "camera").mkdir(parents=True)
    video(camera)
    with pytest.raises(RecordingError, match="there already"):
        library.add(camera)


def test_a_path_that_does_not_exist_is_refused(library: Library, camera: Path) -> None:
    with pytest.raises(RecordingError, match="no such file"):
        library.add(camera / "none.mp4")


def test_a_recording_that_is_gone_is_told_with_the_remedy(library: Library, camera: Path) -> None:
    with pytest.raises(RecordingError, match=r"no recording 'street' in .*videotracks add"):
        library.source("street")
