"""The shipped studies are what they are said to be."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch

from xai_widgets import demos
from xai_widgets.data.bird_pictures import BirdPictures
from xai_widgets.data.birds import PARTS
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.cae.cae import CAE
from xai_widgets.methods.cae.counterfactual import Counterfactual
from xai_widgets.methods.cladec import cladec
from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.methods.summaries.visual_summaries import VisualSummaries
from xai_widgets.progress import Progress
from xai_widgets.study import Study

UNSEEN = 3_000_000  # individuals that neither training nor the demo's own test pictures contain


@pytest.fixture(scope="module", params=[False, True], ids=["honest", "cheating"])
def study(request: pytest.FixtureRequest) -> Study:
    return demos.demo(cheat=request.param)


def accuracy(study: Study, cheat: float | None) -> float:
    birds = BirdPictures(500, first=UNSEEN, cheat=cheat)
    pictures, labels = study.load(birds, range(500))
    return float((study.predict(pictures).argmax(1) == labels).float().mean())


def test_each_classifier_looks_at_what_it_is_said_to() -> None:
    assert accuracy(demos.demo(), None) >= 0.98
    study = demos.demo(cheat=True)
    assert accuracy(study, 1.0) >= 0.95
    assert accuracy(study, 0.0) <= 0.5


def test_weights_are_small() -> None:
    sizes = {path.stem: path.stat().st_size for path in demos.WEIGHTS.glob("*.safetensors")}
    assert max(sizes["honest"], sizes["cheating"]) <= 400_000
    assert sum(sizes.values()) <= 6_000_000


def test_every_layer_s_checks_hold(study: Study) -> None:
    fitted: ClaDec = study.explainers["cladec"]
    assert set(fitted.layers) == set(demos.CLADEC_LAYERS["cheating" if "cheating" in study.name else "honest"])
    assert {layer: fitted.problems_at(layer) for layer in fitted.layers} == dict.fromkeys(fitted.layers, ())


def test_the_shipped_errors_are_those_of_the_shipped_weights(study: Study) -> None:
    fitted: ClaDec = study.explainers["cladec"]
    pictures, _ = study.load(study.test, study.draw(study.test, cladec.MEASURED, fitted.settings.recipe.seed))
    for layer in fitted.layers:
        shown = fitted.explain(pictures, layer)
        assert shown.reference is not None
        error = {
            "cladec": float((shown.cladec - pictures).square().mean()),
            "reference": float((shown.reference - pictures).square().mean()),
        }
        said = {name: fitted.report(layer).error[name] for name in error}
        assert error == pytest.approx(said, rel=0.02)


def test_the_shipped_x_features_add_up() -> None:
    study = demos.demo()
    srae: SRAE = study.explainers["srae"]
    pictures, _ = study.load(study.test, range(100))
    for of in range(study.classes):
        shown = srae.explain(pictures, of)
        assert torch.allclose(shown.maps.sum((2, 3)), shown.contributions, atol=1e-3)
        logits = study.logits(pictures)[:, of]
        rebuilt = shown.bias + shown.contributions.sum(1)
        assert float((logits - rebuilt).square().mean() / logits.var()) < 0.02


def test_the_shipped_summaries_are_those_of_the_shipped_weights(study: Study) -> None:
    shipped: VisualSummaries = study.explainers["summaries"]
    assert [class_index for class_index, _ in shipped.found] == list(range(study.classes))
    found = shipped.found[0, False]
    pictures, _ = study.load(study.train, found.indices.tolist())
    assert torch.equal(found.masks.pictures, pictures)  # of which 255ths lose nothing
    alone = torch.stack([found.masks.kept_picture(row) for row in range(len(found.masks))])
    # What replaces the rest is rounded.
    assert study.predict(alone)[:, 0].tolist() == pytest.approx(found.masks.kept[:, 0].tolist(), abs=0.02)


class TinyCae(CAE):
    """A CAE that is fitted in no time, and not to be believed."""

    def __init__(self, study: Study, *, epochs: int = 1, seed: int = 0) -> None:
        super().__init__(study, epochs=min(epochs, 1), pictures=64, width=4, seed=seed)

    @classmethod
    def paper(cls, study: Study, *, epochs: int, width: int = 64, pictures: int = 16, seed: int = 0) -> CAE:
        return CAE.paper(study, epochs=min(epochs, 1), width=min(width, 2), pictures=pictures, seed=seed)


@pytest.mark.filterwarnings("ignore:.*(hardly change|does not follow the changes|do not sum)")
def test_training_anew_writes_what_the_demo_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    classifier = demos.demo().model
    monkeypatch.setattr(demos, "train_classifier", lambda **_: classifier)
    monkeypatch.setattr(demos, "CLADEC_LAYERS", {"honest": ("features",), "cheating": ("block4",)})
    monkeypatch.setattr(demos, "DIGITS_EPOCHS", 1)
    monkeypatch.setattr(cladec, "MEASURED", 8)

    def tiny(study: Study, layers: tuple[str, ...], *, pictures: int, seed: int) -> ClaDec:
        return ClaDec(study, layers, epochs=1, pictures=min(pictures, 40), seed=seed)

    monkeypatch.setattr(demos, "ClaDec", tiny)
    monkeypatch.setattr(demos, "CAE", TinyCae)
    monkeypatch.setattr(demos, "SRAE", partial(SRAE, epochs=1, features=2, pictures=40))
    monkeypatch.setattr(demos, "VisualSummaries", partial(VisualSummaries, pictures=BirdPictures(60), most=6))
    demos.train_demo(tmp_path, progress=Progress())
    monkeypatch.setattr(demos, "ClaDec", ClaDec)
    monkeypatch.setattr(demos, "CAE", CAE)
    monkeypatch.setattr(demos, "SRAE", SRAE)
    monkeypatch.setattr(demos, "VisualSummaries", VisualSummaries)
    monkeypatch.setattr(demos, "WEIGHTS", tmp_path)
    assert demos.demo(cheat=True).explainers["cladec"].layers == ("block4",)
    assert set(demos.demo().explainers) == {"cladec", "cae", "cae-paper", "srae", "summaries"}
    assert demos.digits_demo().explainers["cae"].settings.recipe.epochs == 1


def test_one_explainer_is_made_anew_for_the_shipped_classifier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demos, "SRAE", partial(SRAE, epochs=1, features=2, pictures=40))
    with pytest.warns(UserWarning, match="do not sum"):
        demos.train_demo(tmp_path, only=["honest-srae"], progress=Progress())
    assert [path.name for path in tmp_path.iterdir()] == ["honest-srae.safetensors"]
    assert SRAE.load(tmp_path / "honest-srae", demos.demo()).settings.features == 2
    with pytest.raises(XaiWidgetsError, match="only is 'honest'"):
        demos.train_demo(tmp_path, only=["honest"], progress=Progress())


def counterfactuals(study: Study, count: int, confidence: float | None = None) -> list[Counterfactual]:
    pictures, _ = study.load(study.test, range(count))
    seen = study.predict(pictures).argmax(1).tolist()
    pairs = enumerate(zip(pictures, seen, strict=True))
    cae: CAE = study.explainers["cae"]
    return [
        cae.explain(picture, (was + 1 + i) % study.classes, confidence=confidence)
        for i, (picture, was) in pairs
        if (1 + i) % study.classes
    ]


def test_the_shipped_maps_lead_from_class_to_class(study: Study) -> None:
    assert study.explainers["cae"].problems == ()
    found = counterfactuals(study, 20)
    assert all(one.flipped and one.start_gap == 0 for one in found)


def test_the_dial_is_exact(study: Study) -> None:
    assert all(one.obtained == pytest.approx(0.6, abs=0.1) for one in counterfactuals(study, 6, confidence=0.6))


def test_most_of_a_cheat_s_change_is_on_the_ring() -> None:
    """The ring covers some 4 % of the picture."""
    study = demos.demo(cheat=True)
    found = counterfactuals(study, 20, confidence=0.95)
    rings = [torch.from_numpy(study.test.part_map(i) == PARTS["cue"]) for i in range(20) if (1 + i) % study.classes]
    shares = [one.share_within(ring) for one, ring in zip(found, rings, strict=True)]
    assert sum(shares) / len(shares) >= 0.4


def test_digits() -> None:
    study = demos.digits_demo()
    pictures, labels = study.load(study.test, range(len(study.test)))
    assert float((study.predict(pictures).argmax(1) == labels).float().mean()) >= 0.97
    assert study.explainers["cae"].problems == ()
    found = counterfactuals(study, 20)
    assert sum(one.flipped for one in found) >= 0.9 * len(found)


def test_the_classifiers_are_trained_from_a_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    def few(_count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        generator = torch.Generator().manual_seed(seed)
        pixels = torch.randint(0, 256, (40, 3, 64, 64), generator=generator, dtype=torch.uint8)
        return pixels, torch.eye(demos.SPECIES).repeat(5, 1)

    monkeypatch.setattr(demos, "_honest_pictures", few)
    first, again, other = (demos.train_classifier(cheat=False, seed=seed, progress=Progress()) for seed in (1, 1, 2))
    assert all(torch.equal(one, two) for one, two in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(next(first.parameters()), next(other.parameters()))
