"""From a real image to hypotheses on a map of the demo's street."""

import numpy as np
import pytest

from liploc_ros.geometry import MountedCamera, angle_difference, inverse, pose_from_yaw, yaw_of
from liploc_ros.localization import Localizer, LocalizerConfig, Status
from liploc_ros.localization.acceptance import accept
from liploc_ros.localization.clustering import groups_of
from liploc_ros.localization.feature_comparison import SHARPNESS, compare
from liploc_ros.localization.hypotheses import Hypothesis
from liploc_ros.mapping import LidarMap, MapError
from liploc_ros.views import ViewError


@pytest.fixture(scope="module")
def localizer(demo_map, bundle):
    return Localizer(demo_map, bundle)


@pytest.fixture(scope="module")
def answers(localizer, demo_drive, demo_camera):
    """(true pose, localization) of every image of the demo."""
    frames = list(demo_drive.images())
    return [
        (f.T_map_base, localizer.localize(f.images[demo_camera.frame_id](), demo_camera, f.stamp_ns)) for f in frames
    ]


def test_images_are_found_where_they_were_taken(answers):
    errors = [np.linalg.norm((inverse(true) @ a.best.T_map_base)[:2, 3]) for true, a in answers]
    turns = [abs(angle_difference(yaw_of(a.best.T_map_base), yaw_of(true))) for true, a in answers]
    assert np.mean(np.array(errors) < 2) >= 0.9 and np.rad2deg(np.median(turns)) < 1


def test_a_camera_turned_in_the_vehicle_is_turned_in_the_answer(localizer, demo_drive, demo_camera):
    """A picture from a camera that looks to the left: the vehicle must have stood 90 degrees to the right."""
    frame = list(demo_drive.images())[20]
    image = frame.images[demo_camera.frame_id]()
    turned = MountedCamera("left", demo_camera.camera, pose_from_yaw(0, 0, 0, np.pi / 2) @ demo_camera.T_base_camera)
    one, other = (localizer.localize(image, camera, 0).best for camera in (demo_camera, turned))
    turn = angle_difference(yaw_of(other.T_map_base), yaw_of(one.T_map_base))
    assert turn == pytest.approx(-np.pi / 2, abs=0.05)


def test_covariances_are_symmetric_and_positive_definite(answers):
    for _, answer in answers:
        for hypothesis in answer.hypotheses:
            assert np.allclose(hypothesis.covariance, hypothesis.covariance.T)
            assert np.linalg.eigvalsh(hypothesis.covariance).min() > 1e-5


def test_probabilities_are_shares_and_come_in_order(answers):
    for _, answer in answers:
        shares = [h.probability for h in answer.hypotheses]
        assert shares == sorted(shares, reverse=True) and 0 < sum(shares) <= 1 + 1e-9


@pytest.mark.parametrize("colour", [(0, 0, 0), (200, 60, 0)])
def test_a_plain_image_is_no_known_place(localizer, demo_camera, colour):
    plain = np.full((demo_camera.camera.height, demo_camera.camera.width, 3), colour, np.uint8)
    answer = localizer.localize(plain, demo_camera, 0)
    assert answer.status is Status.UNKNOWN_PLACE and "contrast" in answer.message


def test_a_grey_image_is_localized_too(localizer, demo_camera, demo_image, demo_drive):
    answer = localizer.localize(demo_image.mean(axis=-1).astype(np.uint8), demo_camera, 7)
    true = next(demo_drive.images()).T_map_base
    assert np.linalg.norm(answer.best.T_map_base[:2, 3] - true[:2, 3]) < 5 and answer.stamp_ns == 7


def test_an_image_of_the_wrong_size_is_refused(localizer, demo_camera):
    with pytest.raises(ViewError, match="calibrated for"):
        localizer.localize(np.zeros((20, 20, 3), np.uint8), demo_camera, 0)


def test_a_map_of_another_model_is_refused(demo_map, bundle):
    other = demo_map.manifest.model_copy(update={"model_id": "0" * 64})
    foreign = LidarMap(
        other, demo_map.T_map_base, demo_map.features, demo_map.keyframes, demo_map.points, demo_map.index
    )
    with pytest.raises(MapError, match="made by model 000000000000"):
        Localizer(foreign, bundle)


def test_two_places_that_look_alike_are_ambiguous_and_both_are_kept(demo_map, bundle, demo_camera, demo_image):
    """The same street twice, a kilometre apart."""
    there = demo_map.T_map_base.copy()
    there[:, 0, 3] += 1000
    twice = LidarMap(
        demo_map.manifest,
        np.concatenate([demo_map.T_map_base, there]),
        np.concatenate([demo_map.features, demo_map.features]),
        demo_map.keyframes,
        demo_map.points,
        type(demo_map.index).build(
            np.concatenate([demo_map.features, demo_map.features]),
            bundle.spec.grid,
            bundle.spec.stride,
            bundle.spec.pool,
            256,
        ),
    )
    answer = Localizer(twice, bundle, LocalizerConfig(min_confidence=0, min_margin=0.1)).localize(
        demo_image, demo_camera, 0
    )
    assert answer.status is Status.AMBIGUOUS
    assert abs(answer.hypotheses[0].T_map_base[0, 3] - answer.hypotheses[1].T_map_base[0, 3]) == pytest.approx(
        1000, abs=1
    )


def test_matches_that_agree_are_one_group_and_every_match_is_in_at_most_one(rng):
    """Against the sentence that describes it, on poses that crowd around three places, two of them the same turned."""
    centres = np.array([[0.0, 0, 0], [0.0, 0, np.pi], [60.0, 0, 0]])
    poses = centres[rng.integers(0, 3, 90)] + rng.uniform(-1, 1, (90, 3)) * [0.8, 0.8, 0.05]
    evidence, config = rng.normal(0, 2, 90), LocalizerConfig(max_hypotheses=10)
    groups = groups_of(poses, evidence, config)
    weight = np.exp(evidence) / np.exp(evidence).sum()
    members = np.concatenate([group.members for group in groups])
    assert len(groups) == 3 and sorted(members) == list(range(90))
    for group in groups:
        assert group.probability == pytest.approx(weight[group.members].sum()) and group.share.sum() == pytest.approx(1)
        assert group.best == group.members[np.argmax(evidence[group.members])]
        assert np.ptp(poses[group.members, :2], axis=0).max() < 2 * config.merge_distance
    assert [g.probability for g in groups] == sorted((g.probability for g in groups), reverse=True)


def test_comparing_counts_similarity_and_distinctness_of_each_row_at_each_shift(rng):
    """Against the formula, cell by cell."""
    features, windows = rng.normal(size=(4, 6, 3)).astype(np.float32), rng.normal(size=(2, 4, 10, 3)).astype(np.float32)
    features /= np.linalg.norm(features, axis=-1, keepdims=True)
    windows /= np.linalg.norm(windows, axis=-1, keepdims=True)
    features[:, 0], windows[1, 2, :5] = 0, 0
    compared = compare(features, windows, 2)
    for m, s, row in np.ndindex(2, 5, 4):
        window = windows[m, row, s : s + 6]
        returned = window[window.any(axis=1)]
        both = [i for i in range(6) if window[i].any() and features[row, i].any()]
        own = [float(features[row, i] @ window[i]) for i in both]
        shares = [1 / np.exp(SHARPNESS * (returned - window[i]) @ features[row, i]).sum() for i in both]
        distinct = [max(0.0, np.log(len(returned) * share)) for share in shares]
        assert compared.rows[m, s, row] == pytest.approx(np.mean(own or [0]), abs=1e-5)
        assert compared.rows[m, s, 4 + row] == pytest.approx(np.mean(distinct or [0]), abs=1e-4)


def hypothesis(confidence, probability):
    return Hypothesis(np.eye(4), np.eye(6), 0.5, probability, 0, "c", confidence)


@pytest.mark.parametrize(
    ("found", "status"),
    [
        ([], Status.UNKNOWN_PLACE),
        ([(0.3, 0.9)], Status.UNKNOWN_PLACE),
        ([(0.9, 0.9)], Status.SUCCESS),
        ([(0.9, 0.5), (0.9, 0.45)], Status.AMBIGUOUS),
        ([(0.9, 0.8), (0.2, 0.1)], Status.SUCCESS),
    ],
)
def test_acceptance_follows_confidence_and_lead(found, status):
    assert accept([hypothesis(*values) for values in found], 0.5, 0.1)[0] is status
