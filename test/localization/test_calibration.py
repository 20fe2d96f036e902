"""Trials as files, and the calibration that is fitted to them."""

import io
import shutil
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liploc_ros.encoders import ModelBundle
from liploc_ros.localization.calibration.fit import CalibrationError, calibrate, coverage, fit_evidence, summary
from liploc_ros.localization.calibration.samples import ConfidenceSample, SampleError, load_samples, save_samples
from liploc_ros.localization.calibration.storage import kind_of, read_confidence_model, write_confidence_model
from liploc_ros.localization.confidence import log_odds_of

SIGMA = 0.5  # metres along the path by which the made answers are off


def made_trials(rng, count=150, elsewhere=80):
    """Views on a straight path of 60 places: the first row tells the right one, the second nothing."""
    trials = []
    for number in range(count + elsewhere):
        x = np.repeat(np.arange(60.0), 3)
        poses = np.column_stack([x, np.zeros_like(x), np.tile(np.deg2rad([-10, 0, 10]), 60)])
        true = np.array([rng.integers(5, 55) + 0.0, 0, 0])
        rows = rng.normal(0, 0.05, (len(poses), 2)).astype(np.float32)
        seen_at = true[0] + rng.normal(0, SIGMA)
        if number < count:
            rows[:, 0] += 0.8 * np.exp(-(((x - seen_at) / 0.7) ** 2)) * (poses[:, 2] == 0)
        trials.append(ConfidenceSample(poses, rows, rows[:, 0].astype(float), true if number < count else None, 60.0))
    return trials


@pytest.fixture(scope="module")
def trials():
    return made_trials(np.random.default_rng(0))


@pytest.fixture(scope="module")
def fitted(trials):
    return calibrate(trials, 1.0, "made")


def test_the_row_that_tells_places_apart_gets_the_weight(trials):
    weights = fit_evidence(trials)
    assert weights[0] > 2 and weights[0] > 5 * abs(weights[1])


def test_the_covariance_is_as_wide_as_the_errors(trials, fitted):
    between_places = 1 / 12
    at_least, at_most = fitted.sigma_position**2, fitted.sigma_position**2 + fitted.spread_position * between_places
    assert at_least < 1.5 * SIGMA**2 and at_most > 0.5 * SIGMA**2
    assert "0 of 80 images from elsewhere accepted" in summary(trials, fitted, 1.0)
    assert coverage([], fitted, 1.0) == ((0, 0), (0, 0))


def test_nothing_is_learnt_without_images_on_the_map(trials):
    with pytest.raises(CalibrationError, match="no image was compared with the place"):
        calibrate([trial for trial in trials if trial.truth is None], 1.0, "made")


def test_trials_come_back_from_a_file(trials, tmp_path):
    save_samples(tmp_path / "trials.npz", trials[-100:], 0.5)
    found, spacing = load_samples(tmp_path / "trials.npz")
    assert spacing == 0.5 and len(found) == 100
    for ours, theirs in zip(trials[-100:], found, strict=True):
        assert np.array_equal(ours.poses, theirs.poses) and np.array_equal(ours.rows, theirs.rows)
        assert (ours.truth is None) == (theirs.truth is None)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_file_of_trials_is_named(tmp_path_factory, trials, data):
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    save_samples(path, trials[:2], 1.0)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with suppress(SampleError):  # a flipped bit may be one that is not looked at
        assert load_samples(path)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"counts": np.array([1, 2])}, "do not fit together"),
        ({"counts": np.array([], int)}, "no trials in it"),
        ({"format": np.array(3)}, "format 3"),
        ({"spacing": np.array(-1.0)}, "not finite"),
        ({"rows": np.full((180, 2), np.nan)}, "not finite"),
    ],
)
def test_arrays_that_contradict_one_another_are_named(trials, tmp_path, change, why):
    save_samples(tmp_path / "trials.npz", trials[:1], 1.0)
    with np.load(tmp_path / "trials.npz") as stored:
        arrays = dict(stored) | change
    file = io.BytesIO()
    np.savez(file, **arrays)
    (tmp_path / "trials.npz").write_bytes(file.getvalue())
    with pytest.raises(SampleError, match=why):
        load_samples(tmp_path / "trials.npz")


def test_a_calibration_is_kept_in_bundle_map_or_file(fitted, bundle, demo_map, tmp_path):
    model = shutil.copytree(bundle.path, tmp_path / "model")
    demo_map.save(tmp_path / "map")
    for place, kind in ((model, "bundle"), (tmp_path / "map", "map"), (tmp_path / "new/found.json", "file")):
        assert kind_of(place) == kind
        write_confidence_model(place, fitted)
        assert read_confidence_model(place) == fitted
    assert ModelBundle.load(model).id == bundle.id
    for content in (b"", b"{}", b"\xff"):
        (tmp_path / "found.json").write_bytes(content)
        with pytest.raises(CalibrationError, match="fit it again"):
            read_confidence_model(tmp_path / "found.json")
    with pytest.raises(CalibrationError, match=r"ends in \.json"):
        kind_of(tmp_path / "nothing")


def test_an_answer_counts_for_less_on_a_longer_map(fitted):
    """Ten times the places, a tenth of the odds: each may look like the image by chance."""
    signs = np.array([5.0, 0.5, 3.0])
    short, long, shorter = (log_odds_of(signs, fitted, fitted.path_length * times) for times in (1, 10, 0.1))
    assert short - long == pytest.approx(np.log(10)) and shorter == short
