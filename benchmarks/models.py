"""Sixty architectures by five methods: what works, on which layer in which layout, and what is refused and why.

    python -m benchmarks.models                          # the table, in a few minutes
    python -m benchmarks.models --only Swin              # of those whose name holds a word

Weights are random, pictures small and fits short: this shows that every method reads the right layers in the right
layout, and nothing about what it explains. A layout is checked by a patch that is moved in the picture and has to move
in the layer's maps. Needs timm and transformers, of which only configurations are used: nothing is fetched.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
import torchvision
from torch import Tensor, nn
from torchvision.models.convnext import CNBlockConfig

import xai_widgets as xw
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.inversion.guided import GuidedSettings
from xai_widgets.methods.summaries.dual import DualSettings
from xai_widgets.outputs import logits_of
from xai_widgets.progress import Progress

CLASSES = 3


def _torchvision(name: str, **options: Any) -> Callable[[], nn.Module]:
    return lambda: torchvision.models.get_model(name, weights=None, num_classes=CLASSES, **options)


def _timm(name: str, **options: Any) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        import timm

        return timm.create_model(name, pretrained=False, num_classes=CLASSES, **options)

    return make


def _hugging_face(name: str, **options: Any) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        import transformers

        config = getattr(transformers, f"{name}Config")(num_labels=CLASSES, **options)
        return getattr(transformers, f"{name}ForImageClassification")(config)

    return make


_VIT = {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 48, "patch_size": 8}
_SWIN = {"embed_dim": 12, "depths": [1, 1, 2], "num_heads": [2, 2, 4], "window_size": 4, "image_size": 64}
_THIN = {"embed_dim": 24, "depth": 3, "num_heads": 2}


def _resnet() -> nn.Module:
    from torchvision.models.resnet import Bottleneck, ResNet

    return ResNet(Bottleneck, [1, 1, 2, 1], num_classes=CLASSES, width_per_group=16)


def _densenet() -> nn.Module:
    return torchvision.models.DenseNet(8, (2, 2, 2, 2), 16, num_classes=CLASSES)


def _torchvision_swin() -> nn.Module:
    return torchvision.models.SwinTransformer([4, 4], 12, [1, 1, 2], [2, 2, 4], [4, 4], num_classes=CLASSES)


def _torchvision_vit() -> nn.Module:
    return torchvision.models.VisionTransformer(64, 8, 3, 2, 24, 48, num_classes=CLASSES)


def _torchvision_maxvit() -> nn.Module:
    return torchvision.models.MaxVit((64, 64), 8, 4, [8, 16, 16], [1, 1, 1], 4, 0.0, num_classes=CLASSES)


def _torchvision_convnext() -> nn.Module:
    return torchvision.models.ConvNeXt(
        [CNBlockConfig(12, 24, 1), CNBlockConfig(24, 32, 2), CNBlockConfig(32, None, 1)], num_classes=CLASSES
    )


def _mixer(block: str, **more: Any) -> Callable[[], nn.Module]:
    options = {"img_size": 64, "patch_size": 8, "num_blocks": 3, "embed_dim": 24}

    def make() -> nn.Module:
        from timm.models import mlp_mixer

        return mlp_mixer.MlpMixer(CLASSES, block_layer=getattr(mlp_mixer, block), **options, **more)

    return make


MODELS: Mapping[str, tuple[int, Callable[[], nn.Module]]] = {
    "torchvision resnet18": (64, _torchvision("resnet18")),
    "torchvision resnet with bottlenecks": (64, _resnet),
    "torchvision vgg11": (64, _torchvision("vgg11", init_weights=False)),
    "torchvision alexnet": (64, _torchvision("alexnet")),
    "torchvision densenet": (64, _densenet),
    "torchvision mobilenet_v2": (64, _torchvision("mobilenet_v2")),
    "torchvision mobilenet_v3_small": (64, _torchvision("mobilenet_v3_small")),
    "torchvision efficientnet_b0": (64, _torchvision("efficientnet_b0")),
    "torchvision regnet_y_400mf": (64, _torchvision("regnet_y_400mf")),
    "torchvision squeezenet1_1": (64, _torchvision("squeezenet1_1")),
    "torchvision shufflenet_v2_x0_5": (64, _torchvision("shufflenet_v2_x0_5")),
    "torchvision mnasnet0_5": (64, _torchvision("mnasnet0_5")),
    "torchvision googlenet": (64, _torchvision("googlenet", init_weights=False, aux_logits=False)),
    "torchvision inception_v3": (96, _torchvision("inception_v3", init_weights=False, aux_logits=False)),
    "torchvision convnext": (64, _torchvision_convnext),
    "torchvision swin": (64, _torchvision_swin),
    "torchvision vit": (64, _torchvision_vit),
    "torchvision maxvit": (64, _torchvision_maxvit),
    "timm resnet10t": (64, _timm("resnet10t")),
    "timm convnext_atto": (64, _timm("convnext_atto", depths=(1, 1, 2, 1), dims=(12, 16, 24, 32))),
    "timm swin_tiny": (
        64,
        _timm(
            "swin_tiny_patch4_window7_224",
            img_size=64,
            window_size=4,
            embed_dim=12,
            depths=(1, 1, 2),
            num_heads=(2, 2, 4),
        ),
    ),
    "timm swinv2_cr": (
        64,
        _timm("swinv2_cr_tiny_ns_224", img_size=64, embed_dim=16, depths=(1, 1, 2), num_heads=(2, 2, 4)),
    ),
    "timm vit_tiny": (64, _timm("vit_tiny_patch16_224", img_size=64, patch_size=8, **_THIN)),
    "timm vit_reg4 (four registers)": (
        64,
        _timm("vit_little_patch16_reg4_gap_256", img_size=64, patch_size=8, **_THIN),
    ),
    "timm vit_reg (one register, class token)": (
        64,
        _timm(
            "vit_wee_patch16_reg1_gap_256", img_size=64, patch_size=8, class_token=True, global_pool="token", **_THIN
        ),
    ),
    "timm deit_distilled": (64, _timm("deit_tiny_distilled_patch16_224", img_size=64, patch_size=8, **_THIN)),
    "timm cait": (64, _timm("cait_xxs24_224", img_size=64, patch_size=8, embed_dim=24, depth=3, num_heads=2)),
    "timm beit": (64, _timm("beit_base_patch16_224", img_size=64, patch_size=8, **_THIN)),
    "timm mixer": (64, _mixer("MixerBlock")),
    "timm gmlp": (64, _timm("gmlp_ti16_224", img_size=64)),
    "timm resmlp": (64, _mixer("ResBlock", mlp_ratio=4)),
    "timm mobilevit_xxs": (64, _timm("mobilevit_xxs")),
    "timm coat_lite_tiny": (64, _timm("coat_lite_tiny", img_size=64)),
    "timm coatnet": (64, _timm("coatnet_nano_rw_224", img_size=64)),
    "timm poolformer_s12": (64, _timm("poolformer_s12")),
    "timm pvt_v2_b0": (64, _timm("pvt_v2_b0")),
    "timm levit_128s": (64, _timm("levit_128s", img_size=64)),
    "timm xcit_nano": (64, _timm("xcit_nano_12_p8_224", img_size=64, embed_dim=24, depth=3, num_heads=2)),
    "timm nest_tiny": (64, _timm("nest_tiny", img_size=64)),
    "timm twins_svt_small": (64, _timm("twins_svt_small", img_size=64)),
    "timm efficientformer_l1": (224, _timm("efficientformer_l1")),
    "timm hiera_tiny": (64, _timm("hiera_tiny_224", img_size=64)),
    "timm repvgg_a0": (64, _timm("repvgg_a0")),
    "Hugging Face ViT": (64, _hugging_face("ViT", image_size=64, **_VIT)),
    "Hugging Face DeiT": (64, _hugging_face("DeiT", image_size=64, **_VIT)),
    "Hugging Face BEiT": (64, _hugging_face("Beit", image_size=64, **_VIT)),
    "Hugging Face DINOv2 with registers": (64, _hugging_face("Dinov2WithRegisters", image_size=64, **_VIT)),
    "Hugging Face Swin": (64, _hugging_face("Swin", **_SWIN)),
    "Hugging Face Swinv2": (64, _hugging_face("Swinv2", **_SWIN)),
    "Hugging Face ConvNext": (
        64,
        _hugging_face("ConvNext", hidden_sizes=[12, 16, 24, 32], depths=[1, 1, 2, 1], image_size=64),
    ),
    "Hugging Face ResNet": (
        64,
        _hugging_face(
            "ResNet", embedding_size=16, hidden_sizes=[16, 24, 32, 48], depths=[1, 1, 2, 1], layer_type="basic"
        ),
    ),
    "Hugging Face SegFormer": (
        64,
        _hugging_face("Segformer", hidden_sizes=[12, 16, 24, 32], depths=[1, 1, 1, 1], decoder_hidden_size=16),
    ),
    "Hugging Face PoolFormer": (64, _hugging_face("PoolFormer", hidden_sizes=[12, 16, 24, 32], depths=[1, 1, 1, 1])),
}
"""Side of the pictures, and a function that makes the network, with random weights."""

WORKS, REFUSED, WRONG, MIXED = "works", "refused", "WRONG", "(mixed)"

LEAST_MOVE = 0.05
"""By this share of a side, changes of maps move with a patch that moves by half one, unless all places are mixed."""


class Squares:
    """Noise with a bright square of one of three colours; what the classifier predicts is its label."""

    class_names = ("red", "green", "blue")

    def __init__(self, count: int, side: int) -> None:
        generator = torch.Generator().manual_seed(0)
        self.pictures = torch.rand(count, 3, side, side, generator=generator) / 2
        for i, picture in enumerate(self.pictures):
            picture[i % 3, side // 8 : side // 2, side // 3 : -side // 6] = 1.0
        self.labels = [i % 3 for i in range(count)]

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.pictures[index], self.labels[index]


def study_of(name: str) -> xw.Study:
    """A study of one of `MODELS`."""
    side, make = MODELS[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = make().eval()
    pictures = Squares(15, side)
    _tell_apart(model, pictures)
    return xw.Study(model, pictures, test=pictures, batch_size=16, name=name)


def _tell_apart(model: nn.Module, pictures: Squares) -> None:
    """Centre and scale the logits of random weights: a classifier that says the same of all pictures has no reasons."""
    with torch.no_grad():
        logits = logits_of(model(pictures.pictures))
        linear = [one for one in model.modules() if isinstance(one, (nn.Linear, nn.Conv2d))]
        heads = [one for one in linear if len(one.weight) == CLASSES]
        if not logits.std(0).all():  # a head that begins with zeros
            for head in heads:
                nn.init.normal_(head.weight)
            logits = logits_of(model(pictures.pictures))
        for head in heads:
            if head.bias is not None:
                head.weight /= logits.std(0).view(-1, *[1] * (head.weight.dim() - 1))
                head.bias.copy_((head.bias - logits.mean(0)) / logits.std(0))
        pictures.labels = logits_of(model(pictures.pictures)).argmax(1).tolist()


# --- is a layout right? -----------------------------------------------------------------------------------------------


def moved(study: xw.Study, layer: str) -> tuple[float, float]:
    """How far down and right the changes of maps move with a patch that moves by half a side, in shares of sides."""
    _, height, width = study.shape
    grey = torch.full((5, *study.shape), 0.5) + 0.1 * torch.rand(
        study.shape, generator=torch.Generator().manual_seed(1)
    )
    for i, (top, left) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)], 1):
        rows, columns = (slice(at * side // 2, (at + 1) * side // 2) for at, side in ((top, height), (left, width)))
        grey[i, :, rows, columns] = 1 - grey[i, :, rows, columns] / 4
    codes = study.codes(grey, layer)
    change = (codes[1:] - codes[:1]).abs().sum(1)
    down, right = (_centres(change.sum(axis)) for axis in (2, 1))
    return float(down[2:].mean() - down[:2].mean()), float(right[1::2].mean() - right[::2].mean())


def _centres(mass: Tensor) -> Tensor:
    """The mean place of each row of masses ``(N, n)``, from 0 to 1."""
    return (mass * torch.linspace(0, 1, mass.shape[1])).sum(1) / mass.sum(1)


def _read(study: xw.Study, layers: Sequence[str]) -> str:
    """Layers and the sides of their codes; those whose places are wrong say so."""
    said = []
    for name in layers:
        layer = study.layer(name)
        code = study.codes(study.load(study.test, [0])[0], name)
        least = min(moved(study, name)) if layer.places else 1.0
        doubt = "" if least > LEAST_MOVE else f" {MIXED if least > -LEAST_MOVE else WRONG}"
        said.append(f"`{name}` {' × '.join(map(str, code.shape[1:]))}{doubt}")
    return ", ".join(said)


# --- the five methods -------------------------------------------------------------------------------------------------


def _cladec(study: xw.Study) -> str:
    made = xw.ClaDec(study, epochs=1, width=4, pictures=9).fit(progress=Progress())
    made.explain(study.load(study.test, [0])[0])
    return _read(study, made.layers)


def _summaries(study: xw.Study) -> str:
    masks = xw.CrispMasks(study, settings=DualSettings(steps=2, cooling=1))
    made = xw.VisualSummaries(study, masks=masks, most=5)
    made.find(Counter(study.train.labels).most_common(1)[0][0], progress=Progress())
    return _read(study, [made.layer])


def _srae(study: xw.Study) -> str:
    made = xw.SRAE(study, epochs=1, features=2, pictures=9).fit(progress=Progress())
    pictures, _ = study.load(study.test, [0])
    made.explain(pictures, made.classes[0]).heatmaps()
    made.intervene(pictures, made.classes[0], torch.zeros(2))
    return _read(study, [made.settings.layer])


def _inversion(study: xw.Study) -> str:
    made = xw.GuidedFeatureInversion(study, settings=GuidedSettings(steps=2))
    made.explain(study.load(study.test, [0])[0])
    return _read(study, made.base_layers)


def _cae(study: xw.Study) -> str:
    made = xw.CAE(study, epochs=1, width=4, pictures=15).fit(progress=Progress())
    made.explain(study.load(study.test, [0])[0][0])
    return WORKS


ATTEMPTS: Mapping[str, Callable[[xw.Study], str]] = {
    "ClaDec": _cladec,
    "visual summaries": _summaries,
    "SRAE": _srae,
    "guided inversion": _inversion,
    "CAE": _cae,
}


def attempted(study: xw.Study, method: str) -> str:
    """What a method read, or the words with which it refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fits that are a few steps short
        try:
            return ATTEMPTS[method](study)
        except XaiWidgetsError as error:
            return f"{REFUSED}: {error}"
        except Exception as error:  # noqa: BLE001  (an error of ours, which the table shows)
            return f"{WRONG}: {type(error).__name__}: {error}"


# --- the table --------------------------------------------------------------------------------------------------------


def rows(names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Architecture, number of layers, and what each method says."""
    for name in names:
        begun = time.perf_counter()
        study = study_of(name)
        yield name, str(len(study.layers())), *(attempted(study, method) for method in ATTEMPTS)
        print(f"{name}: {time.perf_counter() - begun:.1f} s", file=sys.stderr)


def table(found: Sequence[tuple[str, ...]]) -> str:
    """Markdown: how many work, and a row for each architecture."""
    heads = ("architecture", "layers", *ATTEMPTS)
    refused = [sum(row[column].startswith((REFUSED, WRONG)) for row in found) for column in range(2, len(heads))]
    counts = ", ".join(f"{head} {len(found) - no}" for head, no in zip(ATTEMPTS, refused, strict=True))
    lines = [f"Of {len(found)} architectures, so many work: {counts}.", ""]
    lines += [f"| {' | '.join(row)} |" for row in (heads, ("---",) * len(heads), *found)]
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[""], metavar="WORD")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    print(table(list(rows([name for name in MODELS if any(word in name for word in options.only)]))))


if __name__ == "__main__":
    main()
