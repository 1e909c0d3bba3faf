"""Videos of trails in a browser."""

from base64 import b64encode

import pytest

from tests.points.trail_examples import camera, grey, moving_right
from videotracks.points.pictures.trails import TrailSettings, draw_trails

pytestmark = pytest.mark.browser

#: Resolves to what the video is once it has been played to its end.
PLAY = """async () => {
  const video = document.querySelector('video');
  const ended = new Promise((resolve, reject) => {
    video.onended = resolve;
    video.onerror = () => reject(video.error.message);
  });
  await video.play();
  await ended;
  const canvas = document.createElement('canvas');
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  const context = canvas.getContext('2d');
  context.drawImage(video, 0, 0);
  const pixels = (x, y) => Array.from(context.getImageData(x, y, 1, 1).data.slice(0, 3));
  return {size: [canvas.width, canvas.height], seconds: video.duration, point: pixels(86, 60), ground: pixels(20, 20)};
}"""


def test_a_browser_plays_the_video_to_its_end_and_shows_the_point(browser, tmp_path) -> None:
    tracks = moving_right(12)
    made = draw_trails(grey(12), camera(), {1: tracks}, tmp_path, TrailSettings(), fps=30)
    page = browser.new_page()
    data = b64encode(made["1/cam_00.mp4"].read_bytes()).decode()
    page.set_content(f'<video muted src="data:video/mp4;base64,{data}"></video>')  # a file's pixels must not be read
    found = page.evaluate(PLAY)
    page.close()
    assert found["size"] == [160, 120]
    assert found["seconds"] == pytest.approx(0.4, abs=0.02)
    assert max(abs(level - 100) for level in found["ground"]) <= 4
    assert max(abs(level - 100) for level in found["point"]) > 40
