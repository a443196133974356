"""What can be explained, and with which background."""

from __future__ import annotations

import pytest
import torch

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.inversion.backgrounds import BACKGROUNDS, backgrounds
from xai_widgets.methods.inversion.targets import Targets, targets_of

NAMES = ("a", "b", "c")
LOGITS = torch.tensor([[3.0, 1.0, 2.0], [0.0, 5.0, 4.0]])


@pytest.mark.parametrize(
    ("target", "classes"),
    [(None, [0, 1]), (2, [2, 2]), ("c", [2, 2]), ("runner-up", [2, 2]), (torch.tensor([1, 0]), [1, 0])],
)
def test_classes(target, classes):
    targets = targets_of(target, None, LOGITS, NAMES)
    assert targets.class_index.tolist() == classes
    expected = LOGITS.log_softmax(1).gather(1, torch.tensor(classes)[:, None])[:, 0]
    assert torch.allclose(targets.log_probabilities(LOGITS), expected, atol=1e-6)


def test_of_two_classes_only_these_count():
    targets = targets_of(None, "runner-up", LOGITS, NAMES)
    expected = torch.tensor([[3.0, 2.0], [5.0, 4.0]]).log_softmax(1)[:, 0]
    assert torch.allclose(targets.log_probabilities(LOGITS), expected, atol=1e-6)
    twice = targets.log_probabilities(torch.cat([LOGITS, LOGITS]))
    assert torch.allclose(twice, expected.repeat(2), atol=1e-6)
    assert targets[torch.tensor([1])].against.tolist() == [2]
    assert targets.name(1, NAMES) == "b, not c"


def test_your_own_score_must_be_log_probabilities():
    own = targets_of(lambda logits: -logits[:, 0].abs(), None, LOGITS, NAMES)
    assert own.log_probabilities(LOGITS).tolist() == [-3, 0]
    with pytest.raises(XaiWidgetsError, match="finite"):
        Targets(torch.tensor([0])).log_probabilities(torch.tensor([[torch.nan, 1.0]]))
    for wrong in (lambda logits: logits[:, 0], lambda logits: -logits.abs(), lambda logits: logits[:, 0] * torch.nan):
        with pytest.raises(XaiWidgetsError, match="scores must be 2 log-probabilities"):
            targets_of(wrong, None, LOGITS, NAMES).log_probabilities(LOGITS)


@pytest.mark.parametrize(
    ("target", "against", "message"),
    [
        (3, None, "0 to 2"),
        (torch.tensor([0, -1]), None, "0 to 2"),
        (torch.tensor([0]), None, "one class, or 2 of them"),
        (torch.tensor([0.0, 1.0]), None, "number or the name"),
        ("second", None, "no class 'second'"),
        (0, 5, "0 to 2"),
        (1, "b", "picture 0: class 'b' cannot be told from itself"),
    ],
)
def test_what_is_no_class_is_refused(target, against, message):
    with pytest.raises(XaiWidgetsError, match=message):
        targets_of(target, against, LOGITS, NAMES)


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_backgrounds_are_pictures(colours, shown, name):
    study = colours()
    pictures = shown(study)
    found, names = backgrounds(study, pictures, torch.zeros(3, dtype=torch.long), name, 0)
    assert found.shape == pictures.shape
    assert found.min() >= 0
    assert found.max() <= 1
    assert len(names) == 3
    alone, _ = backgrounds(study, pictures[1:2], torch.zeros(1, dtype=torch.long), name, 0)
    assert torch.allclose(alone[0], found[1], atol=1e-6)


def test_the_background_chosen_leaves_least_of_the_class(colours, red):
    study = colours()
    classes = torch.zeros(3, dtype=torch.long)

    def left(name):
        return study.predict(backgrounds(study, red(study), classes, name, 0)[0])[:, 0]

    assert (left("auto") <= torch.stack([left(name) for name in ("blur", "mean", "median")]).amin(0) + 1e-6).all()
    found = [backgrounds(study, red(study), classes, "noise", seed)[0] for seed in (0, 0, 1)]
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
