# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The losses of LIP-Loc's method, compared with plain loops (`pip install .[train]`)."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make train installs it")

from liploc_ros.learning.liploc.losses import (  # noqa: E402
    EmbeddingLoss,
    hard_target_loss,
    soft_target_loss,
    triplet_loss,
)

KINDS = ("soft", "hard", "triplet")


@pytest.fixture
def embeddings():
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(2, 5, 16, generator=generator, dtype=torch.float64)
    return torch.nn.functional.normalize(vectors, dim=-1)


@pytest.fixture
def ignored():
    pairs = torch.zeros(5, 5, dtype=torch.bool)
    pairs[0, 1] = pairs[1, 0] = pairs[3, 4] = pairs[4, 3] = True
    return pairs


def softmax(values):
    e = np.exp(np.array(values) - np.max(values))
    return e / e.sum()


def test_the_hard_target_loss_is_a_cross_entropy_over_all_pairs_that_are_not_ignored(embeddings, ignored):
    camera, lidar = embeddings.numpy()
    losses = []
    for i in range(5):
        others = [j for j in range(5) if not ignored[i, j]]
        for one, many in ((lidar, camera), (camera, lidar)):
            losses.append(-np.log(softmax([one[i] @ many[j] * 8 for j in others])[others.index(i)]))
    assert hard_target_loss(*embeddings, ignored, torch.tensor(8.0)).item() == pytest.approx(np.mean(losses))


def test_soft_targets_are_the_softmax_of_the_similarities_within_each_sensor(embeddings, ignored):
    camera, lidar = embeddings.numpy()
    losses = []
    for i in range(5):
        others = [j for j in range(5) if not ignored[i, j]]
        targets = softmax([(camera[i] @ camera[j] + lidar[i] @ lidar[j]) / 2 * 8 for j in others])
        for one, many in ((lidar, camera), (camera, lidar)):
            losses.append(-(targets * np.log(softmax([one[i] @ many[j] * 8 for j in others]))).sum())
    assert soft_target_loss(*embeddings, ignored, torch.tensor(8.0)).item() == pytest.approx(np.mean(losses))


def test_released_soft_targets_are_those_of_the_published_code(embeddings):
    """The lines of models/CLIPModelV1.py, for embeddings of any length."""
    camera, lidar, tau = embeddings[0] * 3, embeddings[1] * 3, 0.5
    logits = lidar @ camera.T / tau
    targets = ((camera @ camera.T + lidar @ lidar.T) / 2 * tau).softmax(dim=-1)
    lidar_loss = (-targets * logits.log_softmax(dim=-1)).sum(1)
    camera_loss = (-targets.T * logits.T.log_softmax(dim=-1)).sum(1)
    no_pairs = torch.zeros(5, 5, dtype=torch.bool)
    actual = soft_target_loss(camera, lidar, no_pairs, torch.tensor(1 / tau), released=True)
    assert actual.item() == pytest.approx(((lidar_loss + camera_loss) / 2).mean().item())


def test_only_released_targets_have_gradients():
    camera, lidar = torch.eye(3).requires_grad_(), torch.eye(3).requires_grad_()
    no_pairs, scale = torch.zeros(3, 3, dtype=torch.bool), torch.tensor(1.0)
    released = torch.autograd.grad(soft_target_loss(camera, lidar, no_pairs, scale, released=True), camera)[0]
    ours = torch.autograd.grad(soft_target_loss(camera, lidar, no_pairs, scale), camera)[0]
    fixed = (camera @ camera.T).softmax(-1).detach()  # both sensors alike
    by_hand = -(fixed * (lidar @ camera.T).log_softmax(-1)).sum() / 6
    by_hand -= (fixed * (camera @ lidar.T).log_softmax(-1)).sum() / 6
    assert torch.allclose(ours, torch.autograd.grad(by_hand, camera)[0], atol=1e-6)
    assert not torch.allclose(ours, released, atol=1e-3)


def test_the_triplet_loss_uses_the_most_similar_negative(embeddings, ignored):
    camera, lidar = embeddings.numpy()
    losses = []
    for i in range(5):
        negatives = [j for j in range(5) if j != i and not ignored[i, j]]
        for one, many in ((lidar, camera), (camera, lidar)):
            losses.append(max(0, 0.2 + max(one[i] @ many[j] for j in negatives) - one[i] @ many[i]))
    assert triplet_loss(*embeddings, ignored, 0.2).item() == pytest.approx(np.mean(losses))


@pytest.mark.parametrize("kind", KINDS)
def test_ignored_pairs_do_not_contribute_to_the_loss(kind, embeddings):
    camera, lidar = embeddings[:, :2].clone().float()
    both = torch.stack([camera, lidar]).requires_grad_()
    loss = EmbeddingLoss(kind)(both[0], both[1], ~torch.eye(2, dtype=torch.bool))
    assert torch.allclose(torch.autograd.grad(loss, both)[0], torch.zeros(2, 2, 16), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_loss_is_lowest_if_pairs_agree(kind, embeddings):
    camera = embeddings[0].float()
    no_pairs = torch.zeros(5, 5, dtype=torch.bool)
    loss = EmbeddingLoss(kind)
    assert loss(camera, camera, no_pairs) < loss(camera, camera.roll(1, 0), no_pairs)


def test_a_learned_temperature_does_not_fall_below_0_01():
    no_pairs, camera = torch.zeros(2, 2, dtype=torch.bool), torch.eye(2)
    at_limit, below_limit = EmbeddingLoss("hard", 0.01), EmbeddingLoss("hard", 0.0001)
    assert below_limit(camera, camera.roll(1, 0), no_pairs).item() == pytest.approx(
        at_limit(camera, camera.roll(1, 0), no_pairs).item()
    )
