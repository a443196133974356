"""What several tests share."""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import Dataset


@pytest.fixture(scope="session")
def real_pictures() -> Path:
    """The folder of real pictures (``cifar10/``, ``imagenet_samples/``), which are not part of the project."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("XAI_WIDGETS_TEST_PICTURES", beside))
    if not (folder / "cifar10").is_dir():
        pytest.skip(f"no real pictures in {folder}; name their folder in XAI_WIDGETS_TEST_PICTURES")
    return folder


# For tensors this small, threads only wait for each other; those of the kernels that tests start, too.
torch.set_num_threads(1)
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def launched():
    """The environment of processes that are to train together, without one around them that does."""
    names = ("RANK", "WORLD", "LOCAL", "MASTER", "ACCELERATE")
    alone = {name: value for name, value in os.environ.items() if not name.startswith(names)}
    return alone | {"PYTHONPATH": str(Path(__file__).parents[1]), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


@pytest.fixture(autouse=True)
def _same_numbers_every_time():
    torch.manual_seed(123)


class Squares(Dataset):
    """Bright squares on a dark ground: the label is the place, the colour is of no importance."""

    def __init__(self, count=40, shape=(3, 16, 16), classes=4, seed=0):
        generator = torch.Generator().manual_seed(seed)
        self.labels = torch.randint(classes, (count,), generator=generator)
        self.colours = 0.4 + 0.6 * torch.rand(count, shape[0], 1, 1, generator=generator)
        self.pictures = 0.1 * torch.rand(count, *shape, generator=generator)
        step = shape[2] // classes
        for picture, label, colour in zip(self.pictures, self.labels.tolist(), self.colours, strict=True):
            picture[:, shape[1] // 4 : shape[1] // 2, label * step : (label + 1) * step] = colour

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.pictures[index], int(self.labels[index])


@pytest.fixture(scope="session")
def columns():
    """Makes a classifier that says which quarter of a picture, from left to right, is the brightest."""

    def columns():
        logits = nn.Linear(12, 4)
        with torch.no_grad():
            logits.weight.copy_(20 * torch.eye(4).repeat(1, 3))
        layers = {"maps": nn.AvgPool2d(2), "pool": nn.AdaptiveAvgPool2d((1, 4)), "flat": nn.Flatten(), "logits": logits}
        return nn.Sequential(OrderedDict(layers))

    return columns


def tiny_net(channels=3, classes=4, seed=0):
    """A classifier of all that is awkward: in-place ReLU, batch normalisation, dropout, any picture side."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(channels, 6, 3, stride=2, padding=1),
                norm=nn.BatchNorm2d(6),
                relu=nn.ReLU(inplace=True),
                conv2=nn.Conv2d(6, 8, 3, stride=2, padding=1),
                pool=nn.AdaptiveAvgPool2d(2),
                flat=nn.Flatten(),
                dropout=nn.Dropout(0.5),
                fc=nn.Linear(32, 12),
                logits=nn.Linear(12, classes),
            )
        )


@pytest.fixture(scope="session")
def squares():
    return Squares


@pytest.fixture(scope="session")
def net():
    return tiny_net


@pytest.fixture
def sure(net):
    """A classifier that is sure of what it says, if not right."""
    model = net()
    with torch.no_grad():
        for module in (model.conv2, model.fc, model.logits):
            module.weight *= 6
    return model


@pytest.fixture(scope="session")
def new_study():
    """A study of `squares` and `net`, or of what is given."""
    from xai_widgets.study import Study

    def new(model=None, pictures=None, **options):
        return Study(tiny_net() if model is None else model, Squares() if pictures is None else pictures, **options)

    return new


@pytest.fixture(scope="session")
def fitted(new_study):
    """A ClaDec fitted for a moment at a map and a vector, with a fresh reference; not to be changed."""
    from xai_widgets.methods.cladec.cladec import ClaDec
    from xai_widgets.progress import Progress

    return ClaDec(new_study(), ["conv2", "fc"], epochs=2, width=4).fit(progress=Progress())
