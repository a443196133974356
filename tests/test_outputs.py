"""What a model's output is read as: logits, probabilities, one logit, several labels; and what is no output."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from xai_widgets.errors import PictureError, XaiWidgetsError
from xai_widgets.probabilities import SIGMOID, SOFTMAX

Z = torch.tensor([[0.5, -1.0, 2.0, 0.0]])


class Gives(nn.Module):
    """A function of logits that depend on the brightness of the picture: `Z` for a black one."""

    def __init__(self, change=lambda z: z, logits=Z):
        super().__init__()
        self.change = change
        self.register_buffer("logits", logits)

    def forward(self, pictures):
        return self.change(self.logits + 0.1 * pictures.mean((1, 2, 3))[:, None])


BLACK = torch.zeros(1, 3, 16, 16)


# --- scores --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scores", [SOFTMAX, SIGMOID])
def test_each_way_to_read_logits_is_one_way(scores):
    classes, logits = torch.tensor([2, 0]), torch.cat([Z, -Z])
    p = scores.probabilities(logits)
    own = p[[0, 1], classes]
    assert torch.allclose(scores.log_probabilities(logits), p.log(), atol=1e-6)
    assert torch.allclose(scores.own_log_probabilities(logits, classes), own.log(), atol=1e-6)
    assert torch.allclose(scores.log_odds(logits, classes), (own / (1 - own)).log(), atol=1e-5)
    assert torch.allclose(scores.log_outcomes(logits), scores.outcomes(logits).log(), atol=1e-6)


def test_a_divergence_of_sigmoids_is_the_sum_of_those_of_coins():
    p, q = torch.tensor([[0.5, 0.9]]), torch.tensor([[0.25, 0.9]])
    one, other = SIGMOID.log_outcomes(p.logit()), SIGMOID.log_outcomes(q.logit())
    found = F.kl_div(other, one, reduction="batchmean", log_target=True)
    assert float(found) == pytest.approx(0.5 * math.log(2) + 0.5 * math.log(2 / 3), abs=1e-5)


# --- what is read --------------------------------------------------------------------------------------------------

ONE = Z[:, :1]
KINDS = {
    "logits": (Gives(), {}, Z.softmax(1), ""),
    "multi-label": (Gives(), {"scores": "sigmoid"}, Z.sigmoid(), "; multi-label, a sigmoid for each class"),
    "softmax": (Gives(lambda z: z.softmax(1)), {}, Z.softmax(1), "; gives probabilities of a softmax, read as"),
    "log-softmax": (Gives(lambda z: z.log_softmax(1)), {}, Z.softmax(1), ""),
    "sigmoids": (Gives(torch.sigmoid), {}, Z.sigmoid(), "; multi-label, a sigmoid for each class; gives"),
    "sigmoids of one class": (Gives(torch.sigmoid), {"scores": "softmax"}, Z.softmax(1), "; gives prob"),
    "a module": (nn.Sequential(Gives(), nn.Softmax(1)), {}, Z.softmax(1), "; gives probabilities of a softmax"),
    "one logit": (Gives(logits=ONE), {}, torch.cat([0 * ONE, ONE], 1).softmax(1), "; one logit z, read as (0, z)"),
    "one value": (Gives(lambda z: z[:, 0], ONE), {}, torch.cat([0 * ONE, ONE], 1).softmax(1), "; one logit z"),
    "a scalar": (Gives(torch.squeeze, ONE), {}, torch.cat([0 * ONE, ONE], 1).softmax(1), "; one logit z"),
    "one sigmoid": (Gives(torch.sigmoid, ONE), {}, torch.cat([-ONE, ONE], 1).sigmoid(), "; one logit z"),
    "no batch": (Gives(torch.squeeze), {}, Z.softmax(1), ""),
    "maps of one place": (Gives(lambda z: z[:, :, None, None]), {}, Z.softmax(1), ""),
    "a tuple": (Gives(lambda z: (z, 3)), {}, Z.softmax(1), ""),
    "a dict": (Gives(lambda z: {"loss": z.sum(), "logits": z}), {}, Z.softmax(1), ""),
    "bfloat16": (Gives(lambda z: z.bfloat16()), {}, Z.bfloat16().float().softmax(1), ""),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_model_gives_is_read_as_logits(new_study, kind):
    model, options, expected, said = KINDS[kind]
    study = new_study(model, **options)
    assert torch.allclose(study.predict(BLACK), expected, atol=1e-3 if kind == "bfloat16" else 1e-5)
    assert study.predict(BLACK.expand(3, -1, -1, -1)).shape == (3, expected.shape[1])
    assert said in repr(study)
    assert bool(said) == (";" in repr(study))


def test_what_hugging_face_calls_multi_label_is(new_study):
    model = Gives()
    model.config = type("Config", (), {"problem_type": "multi_label_classification"})()
    assert new_study(model).scores is SIGMOID
    assert new_study(model, scores="softmax").scores is SOFTMAX


def test_one_logit_has_one_name_or_two(new_study):
    assert new_study(Gives(logits=ONE), class_names=["cat"]).class_names == ("not cat", "cat")
    assert new_study(Gives(logits=ONE), class_names=["dog", "cat"]).class_names == ("dog", "cat")
    with pytest.raises(PictureError, match="the model has 2 logits, but class_names has 3 names"):
        new_study(Gives(logits=ONE), class_names=["a", "b", "c"])


def test_a_model_that_gives_another_answer_each_time(new_study):
    with pytest.warns(UserWarning, match="another answer to the same picture each time"):
        study = new_study(Gives(lambda z: F.dropout(z, 0.5, training=True)))
    assert "gives another answer each time" in repr(study)


# --- masked classes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lowest", [-math.inf, torch.finfo(torch.float32).min])
def test_a_masked_class_has_no_probability_and_cannot_be_explained(new_study, lowest):
    study = new_study(Gives(lambda z: torch.cat([z[:, :3], torch.full_like(z[:, :1], lowest)], 1)))
    assert torch.isfinite(study.logits(BLACK)).all()
    assert torch.allclose(study.predict(BLACK)[:, :3], Z[:, :3].softmax(1), atol=1e-6)
    assert float(study.predict(BLACK)[0, 3]) < 1e-12
    assert "never predicts class 3" in repr(study)
    assert study.class_index("class 2") == 2
    with pytest.raises(XaiWidgetsError, match="never predicts class 'class 3'"):
        study.class_index(3)


# --- what is no output ---------------------------------------------------------------------------------------------

WRONG = {
    "NaN": (lambda z: z * math.nan, r"the model gives NaN for class 0 on picture 0 of \d+; check its weights"),
    "inf": (lambda z: z + torch.tensor([0, 0, math.inf, 0]), "gives inf for class 2"),
    "all masked": (lambda z: z - math.inf, "gives -inf for class 0"),
    "rows": (lambda z: z.repeat(2, 1), "gave 2 rows for 1 pictures, but must give one for each"),
    "maps": (lambda z: z[:, :, None, None].expand(-1, -1, 5, 7), r"gave \(1, 4, 5, 7\); if it answers"),
    "words": (lambda z: z[:, None].expand(-1, 6, -1), r"gave \(1, 6, 4\)"),
    "classes": (lambda z: z.argmax(1), "gave torch.int64, but logits are floats"),
    "nothing": (lambda z: None, "gave NoneType"),
    "text": (lambda z: "cat", "gave str"),
    "no class": (lambda z: z[:, :0], r"gave \(1, 0\)"),
    "one softmax": (lambda z: z[:, :1].softmax(1), "softmax of one logit, which is always 1"),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_what_a_model_must_not_give(new_study, kind):
    change, said = WRONG[kind]
    with pytest.raises(PictureError, match=said):
        new_study(Gives(change))


def test_what_goes_wrong_later_is_said_then(new_study):
    study = new_study(model := Gives())
    model.change = lambda z: z.index_fill(0, torch.tensor([1]), math.nan)
    with pytest.raises(PictureError, match="gives NaN for class 0 on picture 1 of 3"):
        study.predict(BLACK.expand(3, -1, -1, -1))
    model.change = lambda z: z[:, :3]
    with pytest.raises(PictureError, match="gave 3 logits, and 4 before"):
        study.predict(BLACK)


def test_scores_that_contradict_the_model(new_study):
    with pytest.raises(PictureError, match="scores is 'sigmoid', but the model ends in a softmax"):
        new_study(Gives(lambda z: z.softmax(1)), scores="sigmoid")


# --- pictures that a model cannot take -----------------------------------------------------------------------------


def test_the_size_to_give_is_said(new_study, squares):
    with pytest.raises(PictureError, match=r"a picture of shape \(3, 16, 16\).*works with pictures of 28 x 28 pixels"):
        new_study(nn.Sequential(nn.Flatten(), nn.Linear(3 * 28 * 28, 4)))
    grey = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Flatten(), nn.Linear(28 * 28, 4))
    with pytest.raises(PictureError, match="works with pictures of 28 x 28 pixels"):
        new_study(grey)
    odd = nn.Sequential(nn.Flatten(), nn.Linear(3 * 50 * 50, 4))
    odd.image_size = 50
    with pytest.raises(PictureError, match=r"works with pictures of 50 x 50.*xw.folder\(path, 50\)"):
        new_study(odd)


def test_colour_is_shown_in_grey_to_a_model_of_one_channel(new_study, net, squares):
    study, pictures = new_study(net(1), mean=[0.2], std=[0.5]), torch.rand(2, 3, 16, 16)
    grey = (pictures * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1, keepdim=True)
    assert torch.allclose(study.logits(pictures), study.model.eval()((grey - 0.2) / 0.5), atol=1e-5)
    assert "shown to the model in grey" in repr(study)


def test_grey_is_shown_in_colour_to_a_model_of_three_channels(new_study, net, squares):
    mean = [0.1, 0.2, 0.3]
    study, pictures = new_study(net(3), squares(6, (1, 16, 16)), mean=mean), torch.rand(2, 1, 16, 16)
    expected = study.model.eval()(pictures.expand(-1, 3, -1, -1) - torch.tensor(mean).view(3, 1, 1))
    assert torch.allclose(study.logits(pictures), expected, atol=1e-5)
    assert "shown to the model in colour" in repr(study)


def test_a_normalisation_of_three_channels_for_a_model_of_one(new_study, net):
    with pytest.raises(PictureError, match="mean has 3 values for pictures of 1 channels; give one"):
        new_study(net(1), mean=[0.1, 0.2, 0.3])


def test_channels_that_no_picture_has(new_study, net):
    with pytest.raises(PictureError, match="Its first convolution takes 4 channels: give pictures with that many"):
        new_study(net(4))


def test_a_model_without_weights(new_study, net):
    with pytest.raises(PictureError, match="on the device 'meta', which has no weights"):
        new_study(net().to("meta"))
