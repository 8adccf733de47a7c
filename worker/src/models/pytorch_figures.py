"""Prints the figures that `tests.rs` holds the networks to: each network in plain PyTorch, with weights from a formula.

Run with PyTorch 2.11 and torchvision 0.26: python pytorch_figures.py
"""

import math

import torch
import torchvision
from torch import nn


def conv(i, o):
    return nn.Conv2d(i, o, 3, padding=1)


def cnn(side):
    return nn.Sequential(
        conv(3, 32), nn.ReLU(), nn.BatchNorm2d(32), nn.MaxPool2d(4), nn.Dropout(0.2),
        conv(32, 64), nn.ReLU(), nn.BatchNorm2d(64), nn.MaxPool2d(4), nn.Dropout(0.2),
        conv(64, 128), nn.ReLU(), nn.BatchNorm2d(128),
        nn.Flatten(), nn.Linear(128 * (side // 16) ** 2, 3),
    )


def ultralight(side):
    return nn.Sequential(
        conv(3, 16), nn.ReLU(), nn.AvgPool2d(2), nn.BatchNorm2d(16),
        conv(16, 32), nn.ReLU(), nn.BatchNorm2d(32), nn.MaxPool2d(2),
        conv(32, 64), nn.ReLU(), nn.BatchNorm2d(64), nn.MaxPool2d(3),
        nn.Flatten(), nn.Linear(64 * (side // 12) ** 2, 50), nn.ReLU(), nn.Dropout(0.2), nn.Linear(50, 3),
    )


def convnet(side):
    blocks = []
    for i in range(3):
        blocks += [conv(3 if i == 0 else 16, 16), nn.GroupNorm(16, 16), nn.ReLU(), nn.AvgPool2d(2)]
    return nn.Sequential(*blocks, nn.Flatten(), nn.Linear(16 * (side // 8) ** 2, 3))


def vgg16_bn(side):
    features = torchvision.models.vgg16_bn().features
    return nn.Sequential(features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 3))


def fill(network):
    for i, p in enumerate(network.parameters()):
        k = torch.arange(p.numel(), dtype=torch.float64)
        fan_in = p[0].numel() if p.dim() > 1 else 100
        base = 1.0 if p.dim() == 1 and i % 4 == 2 else 0.0
        values = base + torch.sin(0.7 * k + i) * math.sqrt(1 / fan_in)
        p.data.copy_(values.view(p.shape))
    means = [b for n, b in network.named_buffers() if n.endswith("running_mean")]
    variances = [b for n, b in network.named_buffers() if n.endswith("running_var")]
    for mean, variance in zip(means, variances):
        k = torch.arange(mean.numel(), dtype=torch.float64)
        mean.copy_(0.1 * torch.sin(k))
        variance.copy_(1 + 0.5 * torch.cos(k))


def main():
    side = 32
    places = torch.arange(2 * 3 * side * side, dtype=torch.float32)
    images = (torch.sin(places * 0.37) + torch.cos(places * 0.011)).view(2, 3, side, side)
    for make in (vgg16_bn, cnn, ultralight, convnet):
        network = make(side).eval()
        fill(network)
        logits = network(images)
        loss = nn.functional.cross_entropy(logits, torch.tensor([2, 0]))
        first = torch.autograd.grad(loss, next(network.parameters()))[0].norm()
        print(make.__name__, [round(x, 6) for x in logits.flatten().tolist()], round(first.item(), 6))


main()
