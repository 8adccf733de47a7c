#!/usr/bin/env python3
"""Writes regression_figures.json: loss, gradients and steps of LAMB of feature regression on the values of its tests.

usage: regression_figures.py > regression_figures.json        (needs PyTorch)
"""
import json

import torch


def scattered(rows, columns, phase):
    places = torch.arange(rows * columns, dtype=torch.float64)
    return (torch.sin(places * places * 0.37 + phase) * 0.9).view(rows, columns)


def of(synthetic, labels):
    targets = torch.nn.functional.one_hot(torch.tensor([0, 2, 1, 1, 0]), 3).double() - 1 / 3
    kernel = synthetic @ synthetic.T
    kernel = kernel + 1e-6 * kernel.trace() / 4 * torch.eye(4, dtype=torch.float64)
    predicted = scattered(5, 6, 0.1) @ synthetic.T @ torch.linalg.inv(kernel) @ labels
    top = labels.topk(2, dim=1).values
    margin = torch.clamp(top[:, 0] - top[:, 1], max=1 / 3).mean()
    return predicted, 0.5 * ((predicted - targets) ** 2).sum(1).mean() - margin


def lamb(parameters, steps, lr):
    """You et al. 2020, algorithm 2 without decay; the norm of the weights as it is, epsilon as in optax."""
    moments = [(torch.zeros_like(p), torch.zeros_like(p)) for p in parameters]
    for step in range(1, steps + 1):
        gradients = torch.autograd.grad(of(*parameters)[1], parameters)
        with torch.no_grad():
            for p, g, (m, v) in zip(parameters, gradients, moments):
                m.mul_(0.9).add_(0.1 * g)
                v.mul_(0.999).add_(0.001 * g * g)
                r = m / (1 - 0.9 ** step) / ((v / (1 - 0.999 ** step)).sqrt() + 1e-6)
                p -= lr * p.norm() / r.norm() * r


synthetic = scattered(4, 6, 0.3).requires_grad_()
labels = scattered(4, 3, 0.8).requires_grad_()
predicted, loss = of(synthetic, labels)
loss.backward()
figures = {
    "loss": loss.item(),
    "predicted": predicted[0].tolist(),
    "of_features": synthetic.grad[0].tolist(),
    "of_labels": labels.grad[0].tolist(),
}
lamb([synthetic, labels], 5, 0.02)
figures["lamb"] = [of(synthetic, labels)[1].item(), synthetic[0].tolist(), labels[0].tolist()]
print(json.dumps(figures))
