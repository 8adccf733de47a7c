#!/usr/bin/env python3
"""Distils in plain PyTorch, built as the methods' published code is: a network constructed anew where ours is drawn anew,
and one class after the other.

Takes one JSON argument (see `distillation.py`), prints one JSON line: processor and wall seconds from iteration `short` to
iteration `long`.
"""

import json
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn
from training_peer import read


def convnet(width, side, classes):
    """ConvNet-D with instance norm; its last layer apart, since features are what is matched."""
    layers, channels = [], 3
    depth = side.bit_length() - 3
    for _ in range(depth):
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.GroupNorm(width, width), nn.ReLU(), nn.AvgPool2d(2)]
        channels = width
    return nn.Sequential(*layers, nn.Flatten()), nn.Linear(width * (side >> depth) ** 2, classes)


# DSA: one op a call, of six; siamese, so that every image of both batches gets the same strengths.


def draw_op(generator):
    op = int(torch.randint(6, (1,), generator=generator))
    strengths = torch.rand(3, generator=generator).tolist()
    return op, strengths


def change(x, drawn):
    op, (a, b, c) = drawn
    side = x.shape[3]
    if op == 0:
        x = x + (a - 0.5)
        mean = x.mean(1, keepdim=True)
        x = (x - mean) * (2 * b) + mean
        mean = x.mean((1, 2, 3), keepdim=True)
        return (x - mean) * (c + 0.5) + mean
    if op == 1:
        by = int(side * 0.125 + 0.5)
        rows, columns = int(a * (2 * by + 1)), int(b * (2 * by + 1))
        return F.pad(x, [by] * 4)[:, :, rows : rows + side, columns : columns + side]
    if op == 2:
        mask = torch.ones_like(x)
        row, column, half = int(a * side), int(b * side), side // 4
        mask[:, :, max(0, row - half) : row + half, max(0, column - half) : column + half] = 0
        return x * mask
    if op == 3:
        zoom = [1 / 1.2 + u * (1.2 - 1 / 1.2) for u in (a, b)]
        theta = [[zoom[0], 0.0, 0.0], [0.0, zoom[1], 0.0]]
    elif op == 4:
        angle = torch.tensor((a - 0.5) * 2 * 15).deg2rad()
        sin, cos = float(angle.sin()), float(angle.cos())
        theta = [[cos, -sin, 0.0], [sin, cos, 0.0]]
    else:
        return x.flip(3) if a < 0.5 else x
    grid = F.affine_grid(torch.tensor(theta).expand(len(x), 2, 3), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


class Job:
    def __init__(self, told):
        self.told = told
        torch.set_num_threads(told["threads"])
        torch.manual_seed(told["seed"])
        self.generator = torch.Generator().manual_seed(told["seed"])
        images, labels = read(told["train"])
        mean, sd = (torch.tensor(told[name]).reshape(1, 3, 1, 1) for name in ("mean", "sd"))
        self.images = (images.permute(0, 3, 1, 2).float() / 255 - mean) / sd
        self.classes = told["classes"]
        self.places = [(labels == c).nonzero()[:, 0] for c in range(self.classes)]
        self.side, self.per_class = images.shape[1], told["per_class"]
        chosen = torch.cat([self.real_places(c, self.per_class) for c in range(self.classes)])
        self.synthetic = self.images[chosen].clone().requires_grad_()
        self.optimizer = torch.optim.SGD([self.synthetic], lr=told["lr"], momentum=0.5)

    def real_places(self, c, count):
        order = torch.randperm(len(self.places[c]), generator=self.generator)
        return self.places[c][order[:count]]

    def pair(self, c):
        """Real and synthetic images of a class, changed alike."""
        real = self.images[self.real_places(c, self.told["of"])]
        synthetic = self.synthetic[c * self.per_class : (c + 1) * self.per_class]
        if not self.told["dsa"]:
            return real, synthetic
        drawn = draw_op(self.generator)
        return change(real, drawn), change(synthetic, drawn)


def distribution_matching(job):
    body, _ = convnet(job.told["width"], job.side, job.classes)
    for parameter in body.parameters():
        parameter.requires_grad_(False)
    loss = 0
    for c in range(job.classes):
        real, synthetic = job.pair(c)
        target = body(real).detach().mean(0)
        loss = loss + ((target - body(synthetic).mean(0)) ** 2).sum()
    job.optimizer.zero_grad()
    loss.backward()
    job.optimizer.step()


def distance(real, synthetic):
    """DC's: 1 - cosine of each output's row, summed; biases and norms are left out."""
    total = 0
    for r, s in zip(real, synthetic):
        if r.dim() == 1:
            continue
        r, s = r.reshape(len(r), -1), s.reshape(len(s), -1)
        total = total + (1 - (r * s).sum(1) / (r.norm(dim=1) * s.norm(dim=1) + 1e-6)).sum()
    return total


def gradient_matching(job):
    body, head = convnet(job.told["width"], job.side, job.classes)
    network = nn.Sequential(body, head)
    parameters = list(network.parameters())
    loss = 0
    for c in range(job.classes):
        real, synthetic = job.pair(c)
        wanted = torch.autograd.grad(F.cross_entropy(network(real), torch.full((len(real),), c)), parameters)
        given = F.cross_entropy(network(synthetic), torch.full((len(synthetic),), c))
        given = torch.autograd.grad(given, parameters, create_graph=True)
        loss = loss + distance([g.detach() for g in wanted], given)
    job.optimizer.zero_grad()
    loss.backward()
    job.optimizer.step()


class Flat(nn.Module):
    """A network whose parameters are one vector that comes with each call."""

    def __init__(self, network):
        super().__init__()
        self.network = [network]
        self.names = [name for name, _ in network.named_parameters()]
        self.shapes = [parameter.shape for parameter in network.parameters()]

    def forward(self, x, flat):
        parts = flat.split([shape.numel() for shape in self.shapes])
        values = {name: part.view(shape) for name, part, shape in zip(self.names, parts, self.shapes)}
        return torch.func.functional_call(self.network[0], values, (x,))


def part_of_an_expert(job):
    """A network and two vectors of its parameters: where a student starts, and where it is to arrive."""
    network = nn.Sequential(*convnet(job.told["width"], job.side, job.classes))
    start = torch.cat([parameter.detach().reshape(-1) for parameter in network.parameters()])
    return Flat(network), start, start + 0.01 * torch.randn(start.shape, generator=job.generator)


def unrolled(job, student, start, target, labels):
    """MTT: the student's steps are all in one graph. Gradients of the images and of the student's rate."""
    weights = start.clone().requires_grad_()
    for _ in range(job.told["of"]):
        loss = F.cross_entropy(student(change(job.synthetic, draw_op(job.generator)), weights), labels)
        weights = weights - job.rate * torch.autograd.grad(loss, weights, create_graph=True)[0]
    apart = F.mse_loss(weights, target, reduction="sum") / F.mse_loss(start, target, reduction="sum")
    return torch.autograd.grad(apart, [job.synthetic, job.rate])


def truncated(job, student, start, target, labels):
    """TESLA: a round of steps, of which weights and changed images are kept, finds where the student ends. Then each
    step's gradient is taken anew, and its product with one vector differentiated: no graph spans two steps."""
    visited, changed, walked = [start.clone().requires_grad_()], [], torch.zeros_like(start)
    rate, way = job.rate.item(), F.mse_loss(start, target, reduction="sum")
    for _ in range(job.told["of"]):
        changed.append(change(job.synthetic, draw_op(job.generator)))
        loss = F.cross_entropy(student(changed[-1].detach(), visited[-1]), labels)
        gradient = torch.autograd.grad(loss, visited[-1])[0]
        walked += gradient
        visited.append((visited[-1].detach() - rate * gradient).requires_grad_())
    vector = 2 * (rate * (target - start) + rate**2 * walked) / way
    images = torch.zeros_like(job.synthetic)
    for weights, pictures in zip(visited, changed):
        loss = F.cross_entropy(student(pictures, weights), labels)
        gradient = torch.autograd.grad(loss, weights, create_graph=True)[0]
        images += torch.autograd.grad(vector @ gradient, job.synthetic)[0]
    apart = (start - job.rate * walked - target).square().sum() / way
    return images, torch.autograd.grad(apart, job.rate)[0]


def trajectory_matching(job):
    if not hasattr(job, "rate"):
        job.rate = torch.tensor(0.01, requires_grad=True)
        job.rate_optimizer = torch.optim.SGD([job.rate], lr=1e-7, momentum=0.5)
    labels = torch.arange(job.classes).repeat_interleave(job.per_class)
    gradients = (unrolled if job.told["unroll"] else truncated)(job, *part_of_an_expert(job), labels)
    job.synthetic.grad, job.rate.grad = gradients
    job.optimizer.step()
    job.rate_optimizer.step()


METHODS = {
    "distribution-matching": distribution_matching,
    "gradient-matching": gradient_matching,
    "trajectory-matching": trajectory_matching,
}


def main():
    told = json.loads(sys.argv[1])
    job = Job(told)
    marks = {}
    for iteration in range(1, told["long"] + 1):
        METHODS[told["method"]](job)
        if iteration in (told["short"], told["long"]):
            marks[iteration] = (time.process_time(), time.perf_counter())
    if not torch.isfinite(job.synthetic).all():
        sys.exit("the images are no numbers")
    (cpu, wall), (cpu_end, wall_end) = marks[told["short"]], marks[told["long"]]
    print(json.dumps({"cpu": cpu_end - cpu, "wall": wall_end - wall}))


if __name__ == "__main__":
    main()
