"""Prints the figures that `pytorch_tests.rs` holds the networks to: each network in PyTorch, with weights from a formula.

Run with PyTorch 2.11, torchvision 0.26 and timm 1.0.31: python pytorch_figures.py > pytorch_figures.json
"""

import json
import math
import re
from collections import OrderedDict

import timm
import torch
import torchvision
from torch import nn
from torchvision.models.resnet import Bottleneck

CLASSES = 3


def conv(i, o):
    return nn.Conv2d(i, o, 3, padding=1)


def named(*layers):
    """A sequence of which the layers with weights have names."""
    pairs = [(layer if isinstance(layer, tuple) else (f"unnamed{i}", layer)) for i, layer in enumerate(layers)]
    return nn.Sequential(OrderedDict(pairs))


def cnn(side):
    return named(
        ("conv1", conv(3, 32)), nn.ReLU(), ("norm1", nn.BatchNorm2d(32)), nn.MaxPool2d(4), nn.Dropout(0.2),
        ("conv2", conv(32, 64)), nn.ReLU(), ("norm2", nn.BatchNorm2d(64)), nn.MaxPool2d(4), nn.Dropout(0.2),
        ("conv3", conv(64, 128)), nn.ReLU(), ("norm3", nn.BatchNorm2d(128)),
        nn.Flatten(), ("dense", nn.Linear(128 * (side // 16) ** 2, CLASSES)),
    )


def ultralight(side):
    return named(
        ("conv1", conv(3, 16)), nn.ReLU(), nn.AvgPool2d(2), ("norm1", nn.BatchNorm2d(16)),
        ("conv2", conv(16, 32)), nn.ReLU(), ("norm2", nn.BatchNorm2d(32)), nn.MaxPool2d(2),
        ("conv3", conv(32, 64)), nn.ReLU(), ("norm3", nn.BatchNorm2d(64)), nn.MaxPool2d(3),
        nn.Flatten(), ("dense1", nn.Linear(64 * (side // 12) ** 2, 50)), nn.ReLU(), nn.Dropout(0.2),
        ("dense2", nn.Linear(50, CLASSES)),
    )


def convnet(side):
    blocks = []
    for i in range(1, 4):
        blocks += [(f"conv{i}", conv(3 if i == 1 else 16, 16)), (f"norm{i}", nn.GroupNorm(16, 16))]
        blocks += [nn.ReLU(), nn.AvgPool2d(2)]
    return named(*blocks, nn.Flatten(), ("dense", nn.Linear(16 * (side // 8) ** 2, CLASSES)))


def mlp(side):
    return named(
        nn.Flatten(), ("fc_1", nn.Linear(3 * side * side, 128)), nn.ReLU(), ("fc_2", nn.Linear(128, 128)),
        nn.ReLU(), ("fc_3", nn.Linear(128, CLASSES)),
    )


def linear(side):
    return named(nn.Flatten(), ("dense", nn.Linear(3 * side * side, CLASSES)))


def pooled(vgg):
    vgg.avgpool, vgg.classifier = nn.AdaptiveAvgPool2d(1), nn.Linear(512, CLASSES)
    return vgg


def small_stem(resnet):
    resnet.conv1, resnet.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    return resnet


class Stage(nn.Module):
    """Of `ultralight-modern`: half the side, and a residual convolution on what is left."""

    def __init__(self, i, o):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o)
        self.conv2, self.norm2 = nn.Conv2d(o, o, 3, padding=1, bias=False), nn.BatchNorm2d(o)

    def forward(self, x):
        x = torch.relu(self.norm1(nn.functional.max_pool2d(self.conv1(x), 2)))
        return x + torch.relu(self.norm2(self.conv2(x)))


class UltralightModern(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = named(("conv", nn.Conv2d(3, 16, 2, 2, bias=False)), ("norm", nn.BatchNorm2d(16)), nn.ReLU())
        self.stages = nn.Sequential(Stage(16, 32), Stage(32, 48), Stage(48, 56))
        self.head = nn.Linear(56, CLASSES)

    def forward(self, x):
        return self.head(self.stages(self.stem(x)).amax((2, 3)))


class Block(nn.Module):
    """Of `airbench`."""

    def __init__(self, i, o):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o)
        self.conv2, self.norm2 = nn.Conv2d(o, o, 3, padding=1, bias=False), nn.BatchNorm2d(o)

    def forward(self, x):
        x = nn.functional.gelu(self.norm1(nn.functional.max_pool2d(self.conv1(x), 2)))
        return nn.functional.gelu(self.norm2(self.conv2(x)))


class Airbench(nn.Module):
    def __init__(self):
        super().__init__()
        self.whiten = nn.Conv2d(3, 24, 2)
        self.blocks = nn.Sequential(Block(24, 64), Block(64, 256), Block(256, 256))
        self.head = nn.Linear(256, CLASSES, bias=False)

    def forward(self, x):
        x = self.blocks(nn.functional.gelu(self.whiten(x)))
        return self.head(x.amax((2, 3)) / 9)


class FewActivations(Bottleneck):
    """Of which one activation is left, ahead of the last convolution."""

    def forward(self, x):
        y = self.bn2(self.conv2(self.bn1(self.conv1(x))))
        y = self.bn3(self.conv3(self.relu(y)))
        return y + (x if self.downsample is None else self.downsample(x))


def inverted(block):
    """The block of torchvision, four times as wide in its middle as at its ends."""
    return type(block.__name__, (block,), {"expansion": 1})


# The steps from ResNet-50 to ConvNeXt-T in the paper's order.
STEPS = [
    "stage-ratio", "patchify-stem", "depthwise", "width", "inverted-bottleneck", "large-kernel", "gelu",
    "fewer-activations", "fewer-norms", "layer-norm", "separate-downsampling", "layer-scale",
]  # fmt: skip


def rung(steps):
    """torchvision's ResNet-50 after so many of the first ten steps; its stem divides the side by 4."""
    block = FewActivations if steps >= 8 else Bottleneck
    net = torchvision.models.ResNet(block, [3, 3, 9, 3], num_classes=CLASSES)
    width = 96 if steps >= 4 else 64
    if steps >= 2:
        net.conv1, net.maxpool = nn.Conv2d(3, width, 4, 4, bias=False), nn.Identity()
    if steps >= 4:
        block, net.base_width = (inverted(block), 256) if steps >= 5 else (block, 64)
        net.bn1, net.inplanes = nn.BatchNorm2d(width), width
        for stage, depth in enumerate([3, 3, 9, 3]):
            layer = net._make_layer(block, width << stage, depth, stride=1 if stage == 0 else 2)
            setattr(net, f"layer{stage + 1}", layer)
        net.fc = nn.Linear(8 * width * block.expansion, CLASSES)
    for part in [module for module in net.modules() if isinstance(module, Bottleneck)]:
        change(part, steps)
    if steps >= 7:
        net.relu = nn.GELU() if steps == 7 else nn.Identity()
    if steps >= 10:
        to_layer_norm(net)
    return net


def change(block, steps):
    """A block of torchvision's in place: its convolutions, its activation, its norms."""
    one, spatial = block.conv1, block.conv2
    i, wide = one.in_channels, one.out_channels
    if steps >= 6:
        block.conv1 = nn.Conv2d(i, i, 7, spatial.stride, 3, groups=i, bias=False)
        block.bn1, block.conv2 = nn.BatchNorm2d(i), nn.Conv2d(i, wide, 1, bias=False)
    elif steps >= 3:
        block.conv2 = nn.Conv2d(wide, wide, 3, spatial.stride, 1, groups=wide, bias=False)
    if steps >= 7:
        block.relu = nn.GELU()
    if steps >= 9:
        block.conv2, block.bn2 = nn.Conv2d(i, wide, 1), nn.Identity()
        block.conv3, block.bn3 = nn.Conv2d(wide, block.conv3.out_channels, 1), nn.Identity()


def to_layer_norm(net):
    """LayerNorm for every BatchNorm, and a bias in every convolution."""
    for parent in list(net.modules()):
        for name, part in list(parent.named_children()):
            if isinstance(part, nn.BatchNorm2d):
                setattr(parent, name, torchvision.models.convnext.LayerNorm2d(part.num_features, eps=1e-6))
            elif isinstance(part, nn.Conv2d):
                part.bias = nn.Parameter(torch.zeros(part.out_channels))


class Renamed(nn.Module):
    """A network whose weights go by other names: what a pattern says of the first that fits, its stages from 1 on."""

    def __init__(self, network, patterns):
        super().__init__()
        self.network, self.patterns = network, patterns

    def forward(self, x):
        return self.network(x)

    def name(self, of):
        new = next(re.sub(wanted, name, of) for wanted, name in self.patterns if re.match(wanted, of))
        return re.sub(r"^layer(\d)", lambda found: f"layer{int(found[1]) + 1}", new)

    def state_dict(self):
        return {self.name(name): tensor for name, tensor in self.network.state_dict().items()}

    def load_state_dict(self, state, strict=True):
        theirs = {self.name(name): name for name in self.network.state_dict()}
        state = {theirs[name]: tensor for name, tensor in state.items()}
        return self.network.load_state_dict(state, strict=strict)


def last_rung(steps):
    """timm's ConvNeXt-T, without layer scale or with it: what the last two steps lead to."""
    block, between = r"stages\.(\d)\.blocks\.(\d+)\.", r"stages\.(\d)\.downsample\."
    of_block = [("conv_dw", "conv1"), ("norm", "bn1"), ("mlp.fc1", "conv2"), ("mlp.fc2", "conv3"), ("gamma", "gamma")]
    patterns = [(block + theirs, rf"layer\1.\2.{ours}") for theirs, ours in of_block]
    patterns += [(between + "0", r"layer\1.norm"), (between + "1", r"layer\1.conv")]
    patterns += [("stem.0", "conv1"), ("stem.1", "bn1"), ("head.norm", "norm"), ("head.fc", "fc")]
    net = of_timm("convnext_tiny", conv_mlp=True)
    if steps == 11:
        for part in net.modules():
            if hasattr(part, "gamma"):
                part.gamma = None
    return Renamed(net, patterns)


def of_torchvision(name):
    return torchvision.models.get_model(name, num_classes=CLASSES)


def of_timm(name, **more):
    return timm.create_model(name, num_classes=CLASSES, **more)


def swin(side, patch, window, width=32):
    shape = {"img_size": side, "patch_size": patch, "window_size": window, "embed_dim": width}
    shape["num_heads"] = tuple(width // 32 << stage for stage in range(4))
    return of_timm("swin_tiny_patch4_window7_224", **shape)


def modern(steps):
    """An entry of the networks below: the first so many steps to ConvNeXt."""
    settings = {"stem_stride": 4, "modern": STEPS[:steps]}
    return {"resnet50": settings}, 64, lambda side: last_rung(steps) if steps > 10 else rung(steps)


# The network as experiments write it, the side of its images, the same in PyTorch.
NETWORKS = [
    ({"vgg16-bn": {}}, 32, lambda side: pooled(torchvision.models.vgg16_bn())),
    ({"vgg16": {"head": "pooled"}}, 32, lambda side: pooled(torchvision.models.vgg16())),
    ({"vgg11": {"head": "pooled"}}, 32, lambda side: pooled(torchvision.models.vgg11())),
    ({"vgg11": {"head": "dense"}}, 96, lambda side: of_torchvision("vgg11")),
    ({"vgg16": {}}, 64, lambda side: of_torchvision("vgg16")),
    ({"vgg16-bn": {"head": "dense"}}, 32, lambda side: of_torchvision("vgg16_bn")),
    ({"alexnet": {}}, 64, lambda side: of_torchvision("alexnet")),
    ({"cnn": {}}, 32, cnn),
    ({"ultralight": {}}, 32, ultralight),
    ({"ultralight-modern": {}}, 32, lambda side: UltralightModern()),
    ({"airbench": {}}, 32, lambda side: Airbench()),
    ({"convnet": {"width": 16}}, 32, convnet),
    ({"mlp": {}}, 32, mlp),
    ({"linear": {}}, 32, linear),
    ({"resnet18": {"stem_stride": 4}}, 64, lambda side: of_torchvision("resnet18")),
    ({"resnet18": {}}, 32, lambda side: small_stem(of_torchvision("resnet18"))),
    ({"resnet50": {"stem_stride": 4}}, 64, lambda side: of_torchvision("resnet50")),
    ({"resnet50": {}}, 32, lambda side: small_stem(of_torchvision("resnet50"))),
    *[modern(steps) for steps in range(1, 13)],
    ({"convnext": {"size": "atto", "patch": 4}}, 64, lambda side: of_timm("convnext_atto")),
    ({"convnext": {"size": "femto"}}, 32, lambda side: of_timm("convnext_femto", patch_size=1)),
    ({"convnext": {"size": "pico", "patch": 4}}, 64, lambda side: of_timm("convnext_pico")),
    ({"convnext": {"size": "nano", "patch": 4}}, 64, lambda side: of_timm("convnext_nano")),
    ({"convnext": {"size": "tiny", "patch": 4}}, 64, lambda side: of_timm("convnext_tiny")),
    ({"vit-tiny": {}}, 64, lambda side: of_timm("vit_tiny_patch16_224", img_size=side, patch_size=8)),
    ({"swin": {"width": 32}}, 64, lambda side: swin(side, patch=2, window=8)),
    ({"swin": {"width": 32, "patch": 1, "window": 4}}, 32, lambda side: swin(side, patch=1, window=4)),
    ({"swin": {"width": 64}}, 64, lambda side: swin(side, patch=2, window=8, width=64)),
]


def phase(name):
    """A number of a name: the sum of its bytes, each times its place."""
    return sum((i + 1) * byte for i, byte in enumerate(name.encode())) % 1009


def scattered(count, phase):
    """Numbers of mean 0 and variance 1 that look random, `[count]` f64: a hash of place and phase."""
    h = ((torch.arange(count, dtype=torch.int64) + 1) * 2654435761 + phase * 40503) % 2**32
    for _ in range(2):
        h = ((h ^ (h >> 16)) * 73244475) % 2**32
    h = h ^ (h >> 16)
    return (h.double() / 2**31 - 1) * math.sqrt(3)


def formula(name, shape):
    """The value of every weight and running statistic by its name and place."""
    count = math.prod(shape)
    values = scattered(count, phase(name))
    if name.endswith("running_mean"):
        values = 0.3 * values
    elif name.endswith("running_var"):
        values = 1 + 0.3 * values
    elif name.endswith("weight") and len(shape) > 1:
        values = values * math.sqrt(2 * shape[0] / count)
    else:
        # Factors of norms and layer scale are around 1; biases and positions around 0.
        factor = len(shape) == 1 and not name.endswith("bias")
        values = (1.0 if factor else 0.0) + 0.2 * values
    return values.view(shape).float()


def fill(network):
    state = network.state_dict()
    filled = {name: formula(name, tensor.shape) for name, tensor in state.items() if "num_batches" not in name}
    wrong = network.load_state_dict(filled, strict=False)
    assert not wrong.unexpected_keys and all("num_batches" in name for name in wrong.missing_keys), wrong


def images(side):
    """A pattern without randomness, `[2, 3, side, side]`."""
    places = torch.arange(2 * 3 * side * side, dtype=torch.float32)
    return (torch.sin(places * 0.37) + torch.cos(places * 0.011)).view(2, 3, side, side)


def first_weight(network):
    """Of the convolution or dense layer that sees the image."""
    return next(m.weight for m in network.modules() if isinstance(m, (nn.Conv2d, nn.Linear)))


def figures(recipe, side, make):
    network = make(side).eval()
    fill(network)
    logits = network(images(side))
    loss = nn.functional.cross_entropy(logits, torch.tensor([2, 0]))
    gradient = torch.autograd.grad(loss, first_weight(network))[0].norm().item()
    return {
        "network": recipe,
        "side": side,
        "parameters": sum(p.numel() for p in network.parameters()),
        "logits": [float(f"{x:.7g}") for x in logits.flatten().tolist()],
        "gradient": float(f"{gradient:.5g}"),
    }


def main():
    rows = [json.dumps(figures(*network)) for network in NETWORKS]
    print("[\n  " + ",\n  ".join(rows) + "\n]")


if __name__ == "__main__":
    main()
