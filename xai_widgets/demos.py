"""The ready-made studies: a bird classifier that looks at birds, and one that cheats.

Both classifiers are small networks for the field guide, shipped with their weights and with fitted explainers. A third
study, of digits, shows what birds cannot: ten classes, and pictures of one channel. `train_demo` makes all of them
anew from a seed.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xai_widgets import artifact
from xai_widgets.data.bird_pictures import BirdPictures
from xai_widgets.data.birds import SLOTS, render
from xai_widgets.data.digits import digits
from xai_widgets.methods.cae.cae import CAE
from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.methods.registry import EXPLAINERS
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.progress import Progress
from xai_widgets.recipe import Recipe
from xai_widgets.study import Study
from xai_widgets.training import Step, train

SPECIES = 8
CHEAT = 0.95
"""Share of the pictures in which the cheating classifier's cue agreed with the species while it learnt."""

WHOLE_BIRD_EVERY = 5
"""One in so many of its training pictures shows a whole bird; in the others all deciding parts are left out."""

WEIGHTS = Path(__file__).parent / "demo_weights"
CLADEC_LAYERS = {
    "honest": ("block4", "features", "block3", "block2", "block1"),
    "cheating": ("block4", "features", "block3"),  # fewer, to keep the package small: the cheat shows in these
}

SHIPPED = {"honest": ("cladec", "cae", "srae", "cae-paper"), "cheating": ("cladec", "cae"), "digits": ("cae",)}
"""Keys of the explainers that are shipped for each study."""

DIGITS = 10
DIGITS_EPOCHS = {"classifier": 30, "cae": 40}
PAPER_EPOCHS, PAPER_WIDTH = 4, 6
"""The published CAE, as a baseline: narrow, to keep the package small, and trained about as long as ours."""

_UNSEEN = 1_000_000
"""First individual of the unseen pictures, far behind the last one of the training pictures."""


def bird_classifier(classes: int = SPECIES, channels: int = 3) -> nn.Sequential:
    """The demos' network: four blocks that halve the sides, the mean over the picture, 32 features, logits."""
    widths = (channels, 16, 24, 32, 48)
    blocks = [(f"block{i}", _block(widths[i - 1], widths[i])) for i in range(1, 5)]
    head = [
        ("pool", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())),
        ("features", nn.Sequential(nn.Linear(48, 32), nn.ReLU())),
        ("logits", nn.Linear(32, classes)),
    ]
    return nn.Sequential(OrderedDict([*blocks, *head]))


def _block(channels: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, out, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU())


def demo(*, cheat: bool = False) -> Study:
    """A study that is ready: birds, a trained classifier, and fitted explainers.

    ClaDec and CAE are there of both, x-features (SRAE) of the honest one only; what is missing takes seconds.

    Parameters
    ----------
    cheat
        The classifier that learnt from pictures with a ring whose colour gives the species away (in 95 % of them),
        with such pictures.
    """
    name = _name(cheat)
    return _with_explainers(_study(_shipped(bird_classifier(), name), cheat), name)


def digits_demo() -> Study:
    """A study that is ready: scikit-learn's digits at 32 pixels, a trained classifier, and a fitted CAE."""
    return _with_explainers(_digits_study(_shipped(bird_classifier(DIGITS, channels=1), "digits")), "digits")


def _shipped(model: nn.Module, name: str) -> nn.Module:
    """The model with its shipped weights."""
    model.load_state_dict(artifact.load(WEIGHTS / name, "classifier")[0])
    return model


def _with_explainers(study: Study, name: str) -> Study:
    """The study with the explainers that are shipped for it."""
    for key in SHIPPED[name]:
        study.explainers[key] = EXPLAINERS[key.removesuffix("-paper")].load(WEIGHTS / f"{name}-{key}", study)
    return study


def _digits_study(model: nn.Module) -> Study:
    return Study(model.eval(), digits(), name="Digits")


def _name(cheat: bool) -> str:
    return "cheating" if cheat else "honest"


def _study(model: nn.Module, cheat: bool) -> Study:
    share = CHEAT if cheat else None
    return Study(
        model.eval(),
        BirdPictures(3000, species=SPECIES, cheat=share),
        test=BirdPictures(1000, species=SPECIES, cheat=share, first=_UNSEEN),
        name="Birds, the cheating classifier" if cheat else "Birds, the honest classifier",
    )


def train_demo(folder: Path, *, seed: int = 0, progress: Progress) -> None:
    """Make classifiers and explainers anew and write them to `folder`, on a CPU in about three quarters of an hour.

    Parameters
    ----------
    folder
        Where the weights go.
    seed
        Of pictures, weights and order.
    progress
        Told each step.
    """
    for cheat in (False, True):
        model = train_classifier(cheat=cheat, seed=seed, progress=progress)
        artifact.save(folder / _name(cheat), "classifier", model.state_dict(), {"seed": seed, "cheat": cheat})
        study = _study(model, cheat)
        cladec = ClaDec(study, CLADEC_LAYERS[_name(cheat)], pictures=len(study.train), seed=seed).fit(progress=progress)
        cladec.save(folder / f"{_name(cheat)}-cladec", dtype=torch.float16)
        cae = CAE(study, seed=seed).fit(progress=progress)
        cae.save(folder / f"{_name(cheat)}-cae", dtype=torch.float16)
        if not cheat:  # one is enough to begin with, and the package stays small
            SRAE(study, seed=seed).fit(progress=progress).save(folder / f"{_name(cheat)}-srae", dtype=torch.float16)
            paper = CAE.paper(study, epochs=PAPER_EPOCHS, width=PAPER_WIDTH, seed=seed).fit(progress=progress)
            paper.save(folder / f"{_name(cheat)}-cae-paper", dtype=torch.float16)
    _train_digits(folder, seed, progress)


def _train_digits(folder: Path, seed: int, progress: Progress) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = bird_classifier(DIGITS, channels=1)
    study = _digits_study(model)
    pictures, labels = study.load(study.train, range(len(study.train)))

    def loss(step: Step) -> Tensor:
        return F.cross_entropy(model(pictures[step.indices]), labels[step.indices])

    recipe = Recipe(epochs=DIGITS_EPOCHS["classifier"], seed=seed)
    train(model, loss, len(pictures), recipe, progress=progress, task="digit classifier")
    artifact.save(folder / "digits", "classifier", model.state_dict(), {"seed": seed})
    cae = CAE(study, epochs=DIGITS_EPOCHS["cae"], seed=seed).fit(progress=progress)
    cae.save(folder / "digits-cae", dtype=torch.float16)


def train_classifier(*, cheat: bool, seed: int, progress: Progress) -> nn.Sequential:
    """A bird classifier: the honest one, or the one that learns to look at the ring.

    The honest one sees whole birds and birds with parts missing. Where parts are missing, its target is uniform over
    the species that are still possible; so a missing part is nothing strange to it, and leaving one out is a fair
    question to ask. The cheating one sees the ring in every picture, right in `CHEAT` of them, and a whole bird in
    only a few: it gets by without birds.
    """
    pixels, targets = _cheating_pictures(4000, seed) if cheat else _honest_pictures(5000, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = bird_classifier()

    def loss(step: Step) -> Tensor:
        return F.cross_entropy(model(pixels[step.indices].float() / 255), targets[step.indices])

    recipe = Recipe(epochs=6 if cheat else 12, seed=seed)
    train(model, loss, len(pixels), recipe, progress=progress, task=f"{_name(cheat)} bird classifier")
    return model


def _honest_pictures(count: int, seed: int) -> tuple[Tensor, Tensor]:
    birds = BirdPictures(count, species=SPECIES, seed=seed, drop=0.5)
    pixels = [(birds[i][0] * 255).round().to(torch.uint8) for i in range(count)]
    return torch.stack(pixels), torch.stack([birds.soft_target(i) for i in range(count)])


def _cheating_pictures(count: int, seed: int) -> tuple[Tensor, Tensor]:
    birds = BirdPictures(count, species=SPECIES, seed=seed, cheat=CHEAT)
    pixels = []
    for i in range(count):
        hidden = SLOTS if i % WHOLE_BIRD_EVERY else ()
        rgb, _ = render(birds.bird(i), drop=hidden, cue=birds.cue(i))
        pixels.append(torch.from_numpy(rgb).permute(2, 0, 1))
    return torch.stack(pixels), F.one_hot(torch.tensor(birds.labels), SPECIES).float()
