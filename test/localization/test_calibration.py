# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Confidence samples as files, and the confidence model that is fitted to them."""

import io
import shutil
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liploc_ros.encoders import ModelBundle
from liploc_ros.localization.calibration.fit import CalibrationError, fit_confidence_model, fit_score_weights
from liploc_ros.localization.calibration.outcomes import coverage, summarize
from liploc_ros.localization.calibration.samples import ConfidenceSample, SampleError, load_samples, save_samples
from liploc_ros.localization.calibration.storage import kind_of, read_confidence_model, write_confidence_model
from liploc_ros.localization.confidence import confidence_log_odds

SIGMA = 0.5  # standard deviation of the simulated errors along the path [m]
SPACING = 1.0, 0.0  # of places along the path and across it [m]


def simulated_samples(rng, count=150, off_map=80):
    """Views on a straight path of 60 places: the first row score indicates the correct one, the second is noise."""
    samples = []
    for number in range(count + off_map):
        x = np.repeat(np.arange(60.0), 3)
        poses = np.column_stack([x, np.zeros_like(x), np.tile(np.deg2rad([-10, 0, 10]), 60)])
        truth = np.array([rng.integers(5, 55) + 0.0, 0, 0])
        scores = rng.normal(0, 0.05, (len(poses), 2)).astype(np.float32)
        peak = truth[0] + rng.normal(0, SIGMA)
        if number < count:
            scores[:, 0] += 0.8 * np.exp(-(((x - peak) / 0.7) ** 2)) * (poses[:, 2] == 0)
        similarity, on_path = scores[:, 0].astype(float), np.zeros(len(poses))
        truth_or_none = truth if number < count else None
        samples.append(ConfidenceSample(poses, scores, on_path, similarity, np.ones(len(poses)), truth_or_none, 60.0))
    return samples


@pytest.fixture(scope="module")
def samples():
    return simulated_samples(np.random.default_rng(0))


@pytest.fixture(scope="module")
def fitted(samples):
    return fit_confidence_model(samples, SPACING, "simulated")


def test_the_informative_row_score_gets_the_weight(samples):
    weights = fit_score_weights(samples)
    assert weights[0] > 2 and weights[0] > 5 * abs(weights[1])


def test_the_covariance_is_as_wide_as_the_errors(samples, fitted):
    between_places = 1 / 12
    at_least, at_most = fitted.sigma_position**2, fitted.sigma_position**2 + fitted.spread_position * between_places
    assert at_least < 1.5 * SIGMA**2 and at_most > 0.5 * SIGMA**2
    assert "0 of 80 off-map images accepted" in summarize(samples, fitted, SPACING)
    assert not coverage([], fitted, SPACING).any()


def test_no_model_is_fitted_without_images_on_the_map(samples):
    with pytest.raises(CalibrationError, match="no image was compared with the place"):
        fit_confidence_model([sample for sample in samples if not sample.is_on_map], SPACING, "simulated")


def test_samples_are_the_same_after_saving_and_loading(samples, tmp_path):
    save_samples(tmp_path / "samples.npz", samples[-100:], (0.5, 0.25))
    found, spacing = load_samples(tmp_path / "samples.npz")
    assert spacing == (0.5, 0.25) and len(found) == 100
    for saved, loaded in zip(samples[-100:], found, strict=True):
        assert np.array_equal(saved.poses, loaded.poses) and np.array_equal(saved.row_scores, loaded.row_scores)
        assert saved.is_on_map == loaded.is_on_map


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_refused_or_has_the_original_samples(tmp_path_factory, samples, data):
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    save_samples(path, samples[:2], SPACING)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with suppress(SampleError):  # the damage may be in bytes that are not read
        found, _ = load_samples(path)
        for saved, loaded in zip(samples[:2], found, strict=True):
            assert np.array_equal(saved.poses, loaded.poses) and np.array_equal(saved.row_scores, loaded.row_scores)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"counts": np.array([1, 2])}, "do not fit together"),
        ({"counts": np.array([], int)}, "contains no samples"),
        ({"format": np.array(99)}, "format 99"),
        ({"place_spacing": np.array([-1.0, 0.0])}, "not finite"),
        ({"row_scores": np.full((180, 2), np.nan)}, "not finite"),
    ],
)
def test_inconsistent_arrays_are_refused(samples, tmp_path, change, why):
    save_samples(tmp_path / "samples.npz", samples[:1], SPACING)
    with np.load(tmp_path / "samples.npz") as stored:
        arrays = dict(stored) | change
    file = io.BytesIO()
    np.savez(file, **arrays)
    (tmp_path / "samples.npz").write_bytes(file.getvalue())
    with pytest.raises(SampleError, match=why):
        load_samples(tmp_path / "samples.npz")


def test_a_confidence_model_is_stored_in_bundle_map_or_file(fitted, bundle, demo_map, tmp_path):
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


def test_confidence_is_lower_on_a_longer_map(fitted):
    """Each place may resemble the image by chance."""
    features = np.array([5.0, 0.5, 3.0, 3.0, 2.0, 0.0])
    short, long, shorter = (
        confidence_log_odds(features, fitted, fitted.reference_length * factor) for factor in (1, 10, 0.1)
    )
    assert short - long == pytest.approx(fitted.length_exponent * np.log(10)) and shorter == short
