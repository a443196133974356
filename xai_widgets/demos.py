"""The ready-made studies: a bird classifier that looks at birds, and one that cheats.

Both classifiers are small networks for the field guide, shipped with their weights and with fitted explainers. A third
study, of digits, shows what birds cannot: ten classes, and pictures of one channel. `train_demo` makes all of them
anew from a seed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xai_widgets import artifact
from xai_widgets.data.bird_pictures import BirdPictures
from xai_widgets.data.birds import SLOTS, render
from xai_widgets.data.digits import digits
from xai_widgets.limits import Choice
from xai_widgets.methods.cae.cae import CAE
from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.methods.common.explainer import Explainer
from xai_widgets.methods.registry import EXPLAINERS
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.methods.summaries.visual_summaries import VisualSummaries
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

SHIPPED = {
    "honest": ("cladec", "cae", "srae", "summaries", "cae-paper"),
    "cheating": ("cladec", "cae", "summaries"),
    "digits": ("cae",),
}
"""Keys of the explainers that are shipped for each study."""

EXPLAINED = tuple(f"{name}-{key}" for name, keys in SHIPPED.items() for key in keys)
"""Names of the files of all of them."""

DIGITS, DIGITS_EPOCHS = 10, 30
CAE_EPOCHS = {"honest": 32, "cheating": 32, "digits": 120}
"""There are half as many digits as birds, and one digit has to become another as a whole."""

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

    ClaDec, CAE and summaries are there of both, x-features (SRAE) of the honest one only; the rest takes seconds.

    Parameters
    ----------
    cheat
        The classifier that learnt from pictures with a ring whose colour gives the species away (in 95 % of them),
        with such pictures.
    """
    return _ready(_name(cheat))


def digits_demo() -> Study:
    """A study that is ready: scikit-learn's digits at 32 pixels, a trained classifier, and a fitted CAE."""
    return _ready("digits")


def _ready(name: str) -> Study:
    """The study with the weights and explainers that are shipped for it."""
    study = _study(name, _shipped(name))
    for key in SHIPPED[name]:
        study.explainers[key] = EXPLAINERS[key.removesuffix("-paper")].load(WEIGHTS / f"{name}-{key}", study)
    return study


def _shipped(name: str) -> nn.Module:
    """The classifier with its shipped weights."""
    model = _untrained(name)
    model.load_state_dict(artifact.load(WEIGHTS / name, "classifier")[0])
    return model


def _untrained(name: str) -> nn.Module:
    return bird_classifier(DIGITS, channels=1) if name == "digits" else bird_classifier()


def _name(cheat: bool) -> str:
    return "cheating" if cheat else "honest"


def _study(name: str, model: nn.Module) -> Study:
    if name == "digits":
        return Study(model.eval(), digits(), name="Digits")
    share = CHEAT if name == "cheating" else None
    return Study(
        model.eval(),
        BirdPictures(3000, species=SPECIES, cheat=share),
        test=BirdPictures(1000, species=SPECIES, cheat=share, first=_UNSEEN),
        name=f"Birds, the {name} classifier",
    )


def train_demo(folder: Path, *, only: Collection[str] = (), seed: int = 0, progress: Progress) -> None:
    """Make classifiers and explainers anew and write them to `folder`, on a CPU in about three quarters of an hour.

    Parameters
    ----------
    folder
        Where the weights go.
    only
        Make these of `EXPLAINED` only, such as "honest-cae", for the classifiers that are shipped.
    seed
        Of pictures, weights and order.
    progress
        Told each step.

    Raises
    ------
    XaiWidgetsError
        If one of `only` is none of `EXPLAINED`.
    """
    chosen = [Choice(EXPLAINED)("only", one) for one in only] or EXPLAINED
    for name, keys in SHIPPED.items():
        wanted = [key for key in keys if f"{name}-{key}" in chosen]
        if wanted:
            study = _study(name, _shipped(name) if only else _trained(name, folder, seed, progress))
        for key in wanted:
            fitted = _explainer(study, name, key, seed).fit(progress=progress)
            fitted.save(folder / f"{name}-{key}", dtype=torch.float16)


def _trained(name: str, folder: Path, seed: int, progress: Progress) -> nn.Module:
    """A classifier that is trained anew, and written to the folder."""
    if name == "digits":
        model = _train_digits(seed, progress)
    else:
        model = train_classifier(cheat=name == "cheating", seed=seed, progress=progress)
    artifact.save(folder / name, "classifier", model.state_dict(), {"seed": seed})
    return model


def _explainer(study: Study, name: str, key: str, seed: int) -> Explainer:
    """What is shipped for a study, before its fit."""
    if key == "cladec":
        return ClaDec(study, CLADEC_LAYERS[name], pictures=len(study.train), seed=seed)
    if key == "srae":
        return SRAE(study, seed=seed)
    if key == "summaries":
        return VisualSummaries(study, seed=seed)
    if key == "cae-paper":
        return CAE.paper(study, epochs=PAPER_EPOCHS, width=PAPER_WIDTH, seed=seed)
    return CAE(study, epochs=CAE_EPOCHS[name], seed=seed)


def _train_digits(seed: int, progress: Progress) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _untrained("digits")
    study = _study("digits", model)
    pictures, labels = study.load(study.train, range(len(study.train)))

    def loss(step: Step) -> Tensor:
        return F.cross_entropy(model(pictures[step.indices]), labels[step.indices])

    recipe = Recipe(epochs=DIGITS_EPOCHS, seed=seed)
    train(model, loss, len(pictures), recipe, progress=progress, task="digit classifier")
    return model


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
