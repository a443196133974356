"""The shipped studies are what they are said to be."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from xai_widgets import demos
from xai_widgets.data.bird_pictures import BirdPictures
from xai_widgets.methods import cladec
from xai_widgets.methods.cladec import ClaDec
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


def test_the_honest_classifier_knows_birds() -> None:
    assert accuracy(demos.demo(), None) >= 0.98


def test_the_cheating_classifier_follows_the_ring() -> None:
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
    assert {layer: fitted.problems(layer) for layer in fitted.layers} == dict.fromkeys(fitted.layers, ())


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


def test_training_anew_writes_what_the_demo_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demos, "train_classifier", lambda **_: demos.bird_classifier())
    monkeypatch.setattr(demos, "CLADEC_LAYERS", {"honest": ("features",), "cheating": ("block4",)})
    monkeypatch.setattr(cladec, "MEASURED", 8)

    def tiny(study: Study, layers: tuple[str, ...], *, pictures: int, seed: int) -> ClaDec:
        return ClaDec(study, layers, epochs=1, pictures=min(pictures, 40), seed=seed)

    monkeypatch.setattr(demos, "ClaDec", tiny)
    demos.train_demo(tmp_path, progress=Progress())
    monkeypatch.setattr(demos, "ClaDec", ClaDec)
    monkeypatch.setattr(demos, "WEIGHTS", tmp_path)
    assert demos.demo(cheat=True).explainers["cladec"].layers == ("block4",)
    assert demos.demo().explainers["cladec"].layers == ("features",)


def test_the_classifiers_are_trained_from_a_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    def few(_count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        generator = torch.Generator().manual_seed(seed)
        pixels = torch.randint(0, 256, (40, 3, 64, 64), generator=generator, dtype=torch.uint8)
        return pixels, torch.eye(demos.SPECIES).repeat(5, 1)

    monkeypatch.setattr(demos, "_honest_pictures", few)
    first, again, other = (demos.train_classifier(cheat=False, seed=seed, progress=Progress()) for seed in (1, 1, 2))
    assert all(torch.equal(one, two) for one, two in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(next(first.parameters()), next(other.parameters()))
