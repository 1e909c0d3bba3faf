"""Calibration: a temperature that was put in is found, and the curve shows what is there."""

import numpy as np
import pytest

from videotracks.persistence.classifier.calibration import fit_temperature, reliability


def drawn(count=20_000):
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, count)
    return logits, (random.random(count) < 1 / (1 + np.exp(-logits))).astype("i8")


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_finds_the_temperature(temperature) -> None:
    logits, labels = drawn()
    assert fit_temperature(logits * temperature, labels) == pytest.approx(temperature, rel=0.05)


def test_no_tracks_leave_confidence_as_it_is() -> None:
    assert fit_temperature(np.zeros(0), np.zeros(0)) == 1


def test_temperature_lowers_the_calibration_error() -> None:
    logits, labels = drawn()
    sure = reliability(1 / (1 + np.exp(-4 * logits)), labels)
    mild = reliability(1 / (1 + np.exp(-4 * logits / fit_temperature(4 * logits, labels))), labels)
    assert mild.expected_error < 0.02 < 0.1 < sure.expected_error


def test_counts_each_track_in_its_bin() -> None:
    found = reliability(np.array([0.0, 0.02, 0.5, 1.0]), np.array([0, 1, 1, 1]))
    assert found.tracks == [2, 1, 1]
    assert found.confidence == pytest.approx([0.01, 0.5, 1])
    assert found.things == [0.5, 1, 1]
    assert found.expected_error == pytest.approx((2 * 0.49 + 0.5 + 0) / 4)
