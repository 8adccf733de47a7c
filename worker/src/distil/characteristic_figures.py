#!/usr/bin/env python3
"""Writes characteristic_figures.json: the distance of characteristic functions on the values of
characteristic_function/distance.rs.

usage: characteristic_figures.py > characteristic_figures.json        (needs PyTorch)
"""
import json

import torch


def scattered(rows, columns, phase):
    places = torch.arange(rows * columns, dtype=torch.float64)
    return (torch.sin(places * places * 0.37 + phase) * 0.9).view(rows, columns)


def characteristic(features, frequencies):
    return torch.exp(1j * (features @ frequencies.T)).mean(0)


def distance(one, other, amplitude):
    amplitudes = (one.abs() - other.abs()) ** 2
    phases = 2 * (one.abs() * other.abs() - (one * other.conj()).real)
    return (amplitude * amplitudes + (1 - amplitude) * phases.clamp_min(1e-12)).sqrt().mean()


frequencies = scattered(7, 4, 0.2)
real = characteristic(scattered(5, 4, 0.1), frequencies)
features = scattered(3, 4, 0.6).requires_grad_()
made = characteristic(features, frequencies)
found = distance(real, made, 0.4)
(gradient,) = torch.autograd.grad(found, features, retain_graph=True)
figures = {
    "distance": found.item(),
    "gradient": gradient[0].tolist(),
    "phases_only": distance(real, made, 0.0).item(),
}
print(json.dumps(figures))
