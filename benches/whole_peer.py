#!/usr/bin/env python3
"""Trains and tests networks on photographs in PyTorch and torchvision, as a careful user writes it (see `whole.py`).

Takes the path of a JSON file, prints one JSON line: by network the accuracy on the test split of every seed. Photographs
are decoded once by several processes and kept as one tensor a split; where that cache is there, it is read.
"""

import json
import sys
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler
from torchvision import transforms
from torchvision.datasets.folder import default_loader

from training_peer import NETWORKS, Pictures


class Photographs(Dataset):
    """Decoded, resized and cropped one by one: what a `DataLoader` with workers is for."""

    def __init__(self, root, listed, side):
        self.root, self.listed = root, listed
        self.change = transforms.Compose([transforms.Resize(side), transforms.CenterCrop(side), transforms.PILToTensor()])

    def __len__(self):
        return len(self.listed)

    def __getitem__(self, place):
        path, label = self.listed[place]
        return self.change(default_loader(f"{self.root}/{path}")), label


def decoded(job):
    """Images (u8, [n, 3, h, w]) and labels of every split."""
    cache = Path(job["cache"])
    if cache.exists():
        return torch.load(cache)
    splits = {}
    for split, listed in job["files"].items():
        loader = DataLoader(Photographs(job["root"], listed, job["side"]), batch_size=64, num_workers=2)
        batches = list(loader)
        splits[split] = [torch.cat(parts) for parts in zip(*batches)]
    torch.save(splits, cache)
    return splits


def trained(network, batches, steps, lr, prepared, compute):
    network.train()
    optimizer = torch.optim.SGD(network.parameters(), lr, momentum=0.9, weight_decay=5e-4, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, cycle_momentum=False)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.1)
    step = 0
    while step < steps:
        for x, y in batches:
            x = prepared(x)
            x = torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x.flip(3), x)
            with compute:
                loss = loss_of(network(x), y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            step += 1
            if step == steps:
                return


def accuracy(network, images, labels, prepared, compute):
    network.eval()
    hits = 0
    with torch.no_grad(), compute:
        for at in range(0, len(labels), 128):
            hits += (network(prepared(images[at : at + 128])).argmax(1) == labels[at : at + 128]).sum().item()
    return hits / len(labels)


def main():
    job = json.loads(Path(sys.argv[1]).read_text())
    splits = decoded(job)
    images, labels = splits["train"]
    pixels = images.double() / 255
    mean, sd = (moment(pixels, (0, 2, 3)).float().reshape(1, 3, 1, 1) for moment in (torch.mean, torch.std))
    compute = torch.autocast("cpu", torch.bfloat16, enabled=job["precision"] == "bf16")

    def prepared(batch):
        return ((batch.float() / 255 - mean) / sd).contiguous(memory_format=torch.channels_last)

    classes, found = int(labels.max()) + 1, {}
    for name, steps, lr in job["networks"]:
        for seed in job["seeds"]:
            torch.manual_seed(seed)
            network = NETWORKS[name](nn, job["side"], classes).to(memory_format=torch.channels_last)
            pictures = Pictures(images, labels)
            order = BatchSampler(RandomSampler(pictures), job["batch"], drop_last=True)
            trained(network, DataLoader(pictures, sampler=order, batch_size=None), steps, lr, prepared, compute)
            found.setdefault(name, []).append(accuracy(network, *splits["test"], prepared, compute))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
