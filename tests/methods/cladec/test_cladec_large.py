"""ClaDec of large pictures: crops and their codes belong together, and a blur is never taken for an answer."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.cladec import large
from xai_widgets.methods.cladec.blurred import blur_problems, blurred_alike
from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.methods.cladec.crops import draw_crops, draw_pixels
from xai_widgets.methods.cladec.large import LargeDecoder, PatchEncoder, crop_cells, photos_needed
from xai_widgets.methods.cladec.large_fit import _closeness, witnesses
from xai_widgets.methods.cladec.linear import local_error, thumbnail_error, thumbnails
from xai_widgets.methods.common.codes import cached_pass
from xai_widgets.methods.common.estimate import estimate
from xai_widgets.progress import Progress
from xai_widgets.sizes import is_large
from xai_widgets.study import Study

SIDE = 160


class Photos:
    """Parts of one bundled photo, no two alike."""

    def __init__(self, count, seed=0):
        data = pytest.importorskip("skimage.data")
        photo = torch.from_numpy(data.chelsea()).permute(2, 0, 1).float()[None] / 255
        self.photo = F.interpolate(photo, scale_factor=0.9, mode="bilinear")[0]
        height, width = self.photo.shape[1:]
        generator = torch.Generator().manual_seed(seed)
        self.at = (torch.rand(count, 2, generator=generator) * torch.tensor([height - SIDE, width - SIDE])).long()

    def __len__(self):
        return len(self.at)

    def __getitem__(self, index):
        top, left = self.at[index].tolist()
        return self.photo[:, top : top + SIDE, left : left + SIDE], index % 3


@pytest.fixture(scope="module")
def study():
    """A classifier whose layers are averages of tiles, quarters and eighths of the resolution."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.AvgPool2d(4), nn.Conv2d(3, 8, 1), nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)
        )
    return Study(model.eval(), Photos(30), test=Photos(8, seed=1))


@pytest.fixture(scope="module")
def seen(study):
    return cached_pass(study, study.train, range(20), ["0", "2", "4"], Progress())


@pytest.fixture(scope="module")
def fitted(study):
    made = ClaDec(study, ["2", "4"], epochs=2, width=8)
    made.settings = replace(made.settings, crops=24)
    with pytest.warns(UserWarning, match="too few photos"):
        return made.fit(progress=Progress())


@pytest.mark.parametrize(("side", "large"), [(64, False), (127, False), (128, True), (224, True)])
def test_what_is_large(side, large):
    assert is_large((3, side, 300)) is large


def test_a_crop_and_its_code_belong_together(study, seen):
    crops = draw_crops(seen, "0", 20, 12, torch.Generator().manual_seed(0))
    assert crops.pictures.shape == (12, 3, 96, 96)
    assert torch.allclose(F.avg_pool2d(crops.pictures, 4), crops.codes, atol=1e-5)
    pixels = draw_pixels(seen, (SIDE // 4, SIDE // 4), 20, 12, torch.Generator().manual_seed(0))
    assert torch.equal(pixels, crops.pictures)


def test_as_many_crops_of_a_photo_as_asked_for(study, seen):
    generator = torch.Generator().manual_seed(0)
    assert len(draw_crops(seen, "0", 20, 12, generator, each=1).pictures) == 12
    crops = draw_pixels(seen, (SIDE // 4, SIDE // 4), 20, 12, generator, each=6)
    assert len(crops) == 12


def test_a_vector_goes_with_whole_pictures(seen):
    crops = draw_crops(seen, "4", 20, 3, torch.Generator().manual_seed(0))
    assert (crops.pictures.shape, crops.codes.shape) == ((3, 3, SIDE, SIDE), (3, 8))


@pytest.mark.parametrize("code", [(5, 112, 112), (5, 28, 28), (5, 27, 27), (6, 7, 7), (4, 3, 5), (9,)])
@pytest.mark.parametrize("picture", [(3, 224, 224), (1, 130, 150)])
def test_networks_fit_any_layer_and_its_crops(code, picture):
    decoder, encoder = LargeDecoder(code, picture, 4).eval(), PatchEncoder(code, picture, 4).eval()
    prior, shown, alpha = torch.full(picture, 0.5), torch.ones(2, code[0]), torch.zeros(2)
    whole = torch.rand(2, *picture)
    assert encoder(whole).shape == (2, *code)
    mean, spread = decoder(torch.randn(2, *code), shown, alpha, prior)
    assert (mean.shape, spread.shape) == ((2, *picture), (2, 1, *picture[1:]))
    if len(code) == 3:
        cells = crop_cells(code[1:], picture)
        mean, _ = decoder(torch.randn(2, code[0], *cells), shown, alpha, prior)
        assert encoder(mean).shape == (2, code[0], *cells)


def test_photos_that_a_layer_needs():
    assert photos_needed((40, 28, 28)) == large.LEAST_PHOTOS
    assert photos_needed((112, 14, 14)) == 110  # 20 * 9 * 112 / 196 = 102.9
    assert photos_needed((320, 7, 7)) == 1200
    assert photos_needed((1280,)) == 26000


def test_witnesses_count_less_for_coarse_layers():
    picture = (3, 224, 224)
    assert [_closeness(grid, picture) for grid in ((56, 56), (28, 28), (14, 14), (7, 7))] == [1, 1, 1 / 4, 1 / 16]
    assert _closeness(None, picture) == 0


def test_witnesses_are_early_and_read_crops(study):
    assert witnesses(study, "2") == ["1", "2"]
    assert witnesses(study, "1") == ["1"]


class _Few:
    """Four of the pictures."""

    def __init__(self, seen):
        self.study, self.code = seen.study, seen.code

    def __len__(self):
        return 4


def test_linear_decoders(study, seen):
    local = local_error("0", seen, seen)["local"]  # the mean of a tile is the best that is known of it
    pictures = seen.pictures.float() / 255
    tiles = F.interpolate(F.avg_pool2d(pictures, 4), scale_factor=4)
    assert local < 1.05 * float((tiles - pictures).square().mean())
    assert local_error("4", seen, seen) == {}
    assert local_error("0", _Few(seen), seen) == {}
    assert thumbnails(seen).shape == (20, 3, 56, 56)
    assert thumbnail_error(seen, thumbnails(seen).flatten(1).numpy()) < 0.01


def test_a_fit(study, fitted):
    report = fitted.report("2")
    assert set(report.error) == {"cladec", "reference", "ridge", "local", "mean"}
    shown = fitted.explain(Photos(2, seed=5)[0][0], "2")
    assert shown.cladec.shape == shown.reference.shape == (1, 3, SIDE, SIDE)
    assert "Originals shrunk to" in shown.verdict()
    assert "local" not in fitted.report("4").error
    with pytest.raises(XaiWidgetsError, match="alpha 0 only"):
        fitted.explain(shown.original, "2", alpha=0.5)


def test_saved_and_loaded(study, fitted, tmp_path):
    loaded = ClaDec.load(fitted.save(tmp_path / "one"), study)
    picture = Photos(1, seed=6)[0][0]
    for layer in ("2", "4"):
        assert torch.equal(loaded.explain(picture, layer).cladec, fitted.explain(picture, layer).cladec)
    assert loaded.report("2") == fitted.report("2")


def test_an_estimate_does_not_warn(fitted, recwarn):
    assert estimate(fitted, "2").seconds > 0
    assert not [warning for warning in recwarn if "too few photos" in str(warning.message)]
    assert "needs about 50 photos, and there are 30" in fitted.enough("2")


# --- the yardstick -----------------------------------------------------------------------------------------------


def test_an_equally_wrong_blur(study):
    originals = torch.stack([picture for picture, _ in Photos(8)])
    wrong = F.interpolate(F.interpolate(originals, (10, 10), mode="area"), (SIDE, SIDE), mode="bilinear")
    found = blurred_alike(study, originals, study.logits(originals), float((wrong - originals).square().mean()))
    assert found["side"] == 10
    assert 0 < found["colour"] < 1


@pytest.mark.parametrize(
    ("error", "colour", "side", "said"),
    [
        (0.01, 0.8, 30, []),
        (0.038, 0.05, 5, ["a blur", "colourless"]),
        (0.02, 0.05, 20, ["colourless"]),
        (0.077, 0.4, 1, ["mean picture", "a blur"]),
    ],
)
def test_a_blur_is_called_one(error, colour, side, said):
    blurred = {"side": float(side), "colour": 0.7, "agreement": 0.1}
    found = blur_problems({"cladec": error, "mean": 0.078}, {"colour": colour}, blurred)
    assert len(found) == len(said) + bool(said)
    assert all(words in problem for words, problem in zip(said, found, strict=False))
    assert blur_problems({"cladec": error, "mean": 0.078}, {"colour": colour}, {}) == ()
