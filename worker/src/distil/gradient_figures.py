#!/usr/bin/env python3
"""Writes gradient_figures.json: gradient matching's distance on the values of gradient_matching.rs.

usage: gradient_figures.py > gradient_figures.json        (needs PyTorch)
"""
import json

import torch
from torch import nn


def scattered(shape, phase):
    count = torch.Size(shape).numel()
    places = torch.arange(count, dtype=torch.float64)
    return (torch.sin(places * 1.7 + phase) * 0.5).float().view(*shape)


def block(inputs):
    return [nn.Conv2d(inputs, 3, 3, padding=1), nn.GroupNorm(3, 3), nn.ReLU(), nn.AvgPool2d(2)]


net = nn.Sequential(*block(3), *block(3), nn.Flatten(), nn.Linear(12, 4))
with torch.no_grad():
    for i, parameter in enumerate(net.parameters()):
        parameter.copy_(scattered(parameter.shape, i))


def gradients(images, differentiable):
    labels = torch.full((len(images),), 2)
    loss = nn.functional.cross_entropy(net(images), labels)
    return torch.autograd.grad(loss, list(net.parameters()), create_graph=differentiable)


real = gradients(scattered((5, 3, 8, 8), 0.1), False)
images = scattered((2, 3, 8, 8), 0.6).requires_grad_()
distance = 0
for a, b in zip(real, gradients(images, True)):
    if a.dim() > 1:
        a, b = a.flatten(1), b.flatten(1)
        distance = distance + (1 - (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1) + 1e-6)).sum()
(gradient,) = torch.autograd.grad(distance, images)
print(json.dumps({"distance": distance.item(), "gradient": gradient[0, 0, 0].tolist()}))
