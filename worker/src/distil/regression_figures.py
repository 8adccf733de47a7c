#!/usr/bin/env python3
"""Writes regression_figures.json: loss and gradients of feature regression on the values of feature_regression.rs.

usage: regression_figures.py > regression_figures.json        (needs PyTorch)
"""
import json

import torch


def scattered(rows, columns, phase):
    places = torch.arange(rows * columns, dtype=torch.float64)
    return (torch.sin(places * places * 0.37 + phase) * 0.9).view(rows, columns)


synthetic = scattered(4, 6, 0.3).requires_grad_()
labels = scattered(4, 3, 0.8).requires_grad_()
targets = torch.nn.functional.one_hot(torch.tensor([0, 2, 1, 1, 0]), 3).double() - 1 / 3
kernel = synthetic @ synthetic.T
kernel = kernel + 1e-6 * kernel.trace() / 4 * torch.eye(4, dtype=torch.float64)
predicted = scattered(5, 6, 0.1) @ synthetic.T @ torch.linalg.inv(kernel) @ labels
top = labels.topk(2, dim=1).values
margin = torch.clamp(top[:, 0] - top[:, 1], max=1 / 3).mean()
loss = 0.5 * ((predicted - targets) ** 2).sum(1).mean() - margin
loss.backward()
print(json.dumps({
    "loss": loss.item(),
    "predicted": predicted[0].tolist(),
    "of_features": synthetic.grad[0].tolist(),
    "of_labels": labels.grad[0].tolist(),
}))
