"""Forty-odd architectures by five methods: what works, with which layout, and what is refused and why.

Run as ``python -m benchmarks.models`` for the table, with ``--write docs/models.md`` to write it into the page. Weights
are random, pictures small and fits short: this shows that each method reads the right layers in the right layout, and
says nothing about explanations. Needs timm and transformers; nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

CLASSES = 3


def _torchvision(name: str, **options: Any) -> Callable[[], nn.Module]:
    from torchvision.models import get_model  # noqa: PLC0415  (slow to import)

    return lambda: get_model(name, weights=None, num_classes=CLASSES, **options)


def _timm(name: str, **options: Any) -> Callable[[], nn.Module]:
    import timm  # noqa: PLC0415

    return lambda: timm.create_model(name, pretrained=False, num_classes=CLASSES, **options)


def _hugging_face(name: str, **options: Any) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        import transformers  # noqa: PLC0415

        config = getattr(transformers, f"{name}Config")(num_labels=CLASSES, **options)
        return getattr(transformers, f"{name}ForImageClassification")(config)

    return make


_VIT = {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 48, "patch_size": 8}
_SWIN = {"embed_dim": 12, "depths": [1, 1, 2], "num_heads": [2, 2, 4], "window_size": 4, "image_size": 64}
_THIN = {"embed_dim": 24, "depth": 3, "num_heads": 2}


def _torchvision_swin() -> nn.Module:
    from torchvision.models import SwinTransformer  # noqa: PLC0415

    return SwinTransformer([4, 4], 12, [1, 1, 2], [2, 2, 4], [4, 4], num_classes=CLASSES)


def _torchvision_vit() -> nn.Module:
    from torchvision.models import VisionTransformer  # noqa: PLC0415

    return VisionTransformer(64, 8, 3, 2, 24, 48, num_classes=CLASSES)


def _torchvision_maxvit() -> nn.Module:
    from torchvision.models import MaxVit  # noqa: PLC0415

    return MaxVit((64, 64), 8, 4, [8, 16, 16], [1, 1, 1], 4, 0.0, num_classes=CLASSES)


def _torchvision_convnext() -> nn.Module:
    from torchvision.models import ConvNeXt  # noqa: PLC0415
    from torchvision.models.convnext import CNBlockConfig  # noqa: PLC0415

    return ConvNeXt([CNBlockConfig(12, 24, 1), CNBlockConfig(24, 32, 2), CNBlockConfig(32, None, 1)], num_classes=CLASSES)


MODELS: Mapping[str, tuple[int, Callable[[], nn.Module]]] = {
    "torchvision resnet18": (64, _torchvision("resnet18")),
    "torchvision resnet50": (64, _torchvision("resnet50")),
    "torchvision resnext50_32x4d": (64, _torchvision("resnext50_32x4d")),
    "torchvision vgg11": (64, _torchvision("vgg11")),
    "torchvision vgg16_bn": (64, _torchvision("vgg16_bn")),
    "torchvision alexnet": (64, _torchvision("alexnet")),
    "torchvision densenet121": (64, _torchvision("densenet121")),
    "torchvision mobilenet_v2": (64, _torchvision("mobilenet_v2")),
    "torchvision mobilenet_v3_small": (64, _torchvision("mobilenet_v3_small")),
    "torchvision efficientnet_b0": (64, _torchvision("efficientnet_b0")),
    "torchvision efficientnet_v2_s": (64, _torchvision("efficientnet_v2_s")),
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
    "timm swin_tiny": (64, _timm("swin_tiny_patch4_window7_224", img_size=64, window_size=4, embed_dim=12, depths=(1, 1, 2), num_heads=(2, 2, 4))),
    "timm swinv2_cr": (64, _timm("swinv2_cr_tiny_ns_224", img_size=64, embed_dim=16, depths=(1, 1, 2), num_heads=(2, 2, 4))),
    "timm vit_tiny": (64, _timm("vit_tiny_patch16_224", img_size=64, patch_size=8, **_THIN)),
    "timm vit_reg4 (four registers)": (64, _timm("vit_little_patch16_reg4_gap_256", img_size=64, patch_size=8, **_THIN)),
    "timm vit_reg (one register, class token)": (64, _timm("vit_wee_patch16_reg1_gap_256", img_size=64, patch_size=8, class_token=True, global_pool="token", **_THIN)),
    "timm deit_distilled": (64, _timm("deit_tiny_distilled_patch16_224", img_size=64, patch_size=8, **_THIN)),
    "timm cait": (64, _timm("cait_xxs24_224", img_size=64, patch_size=8, embed_dim=24, depth=3, num_heads=2)),
    "timm beit": (64, _timm("beit_base_patch16_224", img_size=64, patch_size=8, **_THIN)),
    "timm mixer": (64, _timm("mixer_s32_224", img_size=64, patch_size=8, num_blocks=3, embed_dim=24)),
    "timm gmlp": (64, _timm("gmlp_ti16_224", img_size=64, patch_size=8, num_blocks=3, embed_dim=24)),
    "timm resmlp": (64, _timm("resmlp_12_224", img_size=64, patch_size=8, num_blocks=3, embed_dim=24)),
    "timm mobilevit_xxs": (64, _timm("mobilevit_xxs")),
    "timm coat_tiny": (64, _timm("coat_tiny", img_size=64, embed_dims=(16, 16, 16, 16), serial_depths=(1, 1, 1, 1), num_heads=2)),
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
    "Hugging Face ConvNext": (64, _hugging_face("ConvNext", hidden_sizes=[12, 16, 24, 32], depths=[1, 1, 2, 1], image_size=64)),
    "Hugging Face ResNet": (64, _hugging_face("ResNet", embedding_size=16, hidden_sizes=[16, 24, 32, 48], depths=[1, 1, 2, 1], layer_type="basic")),
    "Hugging Face SegFormer": (64, _hugging_face("Segformer", hidden_sizes=[12, 16, 24, 32], depths=[1, 1, 1, 1], decoder_hidden_size=16)),
    "Hugging Face MobileViT": (64, _hugging_face("MobileViT", image_size=64)),
    "Hugging Face PoolFormer": (64, _hugging_face("PoolFormer", hidden_sizes=[12, 16, 24, 32], depths=[1, 1, 1, 1])),
}
"""Side of the pictures, and a function that makes the network, with random weights."""
