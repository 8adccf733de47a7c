#!/usr/bin/env python3
"""Trains a network in PyTorch as a careful user writes it, on the image set that `pipeline` trains on.

Takes one JSON argument (see `training.py`), prints one JSON line: processor and wall seconds from step `short` to step
`long`, parameters, the accuracy on the validation split after the last step, the processor and wall seconds from the start
of the process to the end of its first step, and its memory at the peak of the training.
"""

import json
import resource
import sys
import time
from pathlib import Path

BEGAN = time.perf_counter()


def read(path):
    """The images (u8, [n, h, w, 3]) and labels of a safetensors file."""
    import torch

    with open(path, "rb") as file:
        data = file.read()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    kinds = {"U8": torch.uint8, "I64": torch.int64}

    def tensor(name):
        about = header[name]
        start, end = (8 + size + offset for offset in about["data_offsets"])
        flat = torch.frombuffer(bytearray(data[start:end]), dtype=kinds[about["dtype"]])
        return flat.reshape(about["shape"])

    return tensor("images"), tensor("labels")


def convnet(nn, side, classes):
    layers, channels = [], 3
    for _ in range(side.bit_length() - 3):
        layers += [nn.Conv2d(channels, 128, 3, padding=1), nn.InstanceNorm2d(128, affine=True), nn.ReLU(), nn.AvgPool2d(2)]
        channels = 128
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(128 * 16, classes))


def cnn(nn, side, classes):
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(32), nn.MaxPool2d(4), nn.Dropout(0.2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(64), nn.MaxPool2d(4), nn.Dropout(0.2),
        nn.Conv2d(64, 128, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(128), nn.Flatten(),
        nn.Linear(128 * (side // 16) ** 2, classes),
    )  # fmt: skip


def ultralight(nn, side, classes):
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.BatchNorm2d(16),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(32), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(64), nn.MaxPool2d(3), nn.Flatten(),
        nn.Linear(64 * (side // 12) ** 2, 50), nn.ReLU(), nn.Dropout(0.2), nn.Linear(50, classes),
    )  # fmt: skip


def linear(nn, side, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * side * side, classes))


def mlp(nn, side, classes):
    return nn.Sequential(
        nn.Flatten(), nn.Linear(3 * side * side, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, classes)
    )


def ultralight_modern(nn, _side, classes):
    import torch

    class Stage(nn.Module):
        def __init__(self, i, o):
            super().__init__()
            self.conv1, self.norm1 = nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o)
            self.conv2, self.norm2 = nn.Conv2d(o, o, 3, padding=1, bias=False), nn.BatchNorm2d(o)

        def forward(self, x):
            x = torch.relu(self.norm1(nn.functional.max_pool2d(self.conv1(x), 2)))
            return x + torch.relu(self.norm2(self.conv2(x)))

    return nn.Sequential(
        nn.Conv2d(3, 16, 2, 2, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
        Stage(16, 32), Stage(32, 48), Stage(48, 56), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(56, classes),
    )  # fmt: skip


def airbench(nn, _side, classes):
    sys.path.insert(0, str(Path(__file__).parents[1] / "worker/src/models"))
    from pytorch_figures import Airbench

    network = Airbench()
    network.head = nn.Linear(256, classes, bias=False)
    return network


def pooled(name):
    """A VGG of torchvision with one dense layer on the mean of its last map."""

    def make(nn, _side, classes):
        from torchvision.models import get_model

        features = get_model(name).features
        return nn.Sequential(features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, classes))

    return make


def alexnet(_nn, _side, classes):
    from torchvision.models import alexnet as published

    return published(num_classes=classes)


def resnet(name):
    """A ResNet of torchvision; images that are not large see a stem that keeps their size, or halves it."""

    def make(nn, side, classes):
        from torchvision.models import get_model

        network = get_model(name, num_classes=classes)
        network.conv1 = nn.Conv2d(3, 64, 3, 1 if side <= 32 else 2, 1, bias=False)
        network.maxpool = nn.Identity()
        return network

    return make


def swin(_nn, side, classes):
    import timm

    shape = {"img_size": side, "patch_size": 2, "window_size": 8, "drop_path_rate": 0.0}
    return timm.create_model("swin_tiny_patch4_window7_224", num_classes=classes, **shape)


def vit_tiny(_nn, side, classes):
    import timm

    return timm.create_model("vit_tiny_patch16_224", img_size=side, patch_size=8, num_classes=classes)


def convnext(nn, _side, classes):
    import timm

    network = timm.create_model("convnext_atto", num_classes=classes)
    # By `patch_size=2` timm would halve the images once more ahead of the first stage.
    network.stem[0] = nn.Conv2d(3, network.stem[0].out_channels, 2, 2)
    return network


NETWORKS = {
    "linear": linear, "mlp": mlp, "convnet": convnet, "cnn": cnn, "ultralight": ultralight,
    "ultralight-modern": ultralight_modern, "airbench": airbench, "alexnet": alexnet, "vgg11": pooled("vgg11"),
    "vgg16": pooled("vgg16"),
    "vgg16-bn": pooled("vgg16_bn"), "resnet18": resnet("resnet18"), "resnet50": resnet("resnet50"), "convnext": convnext,
    "vit-tiny": vit_tiny, "swin": swin,
}  # fmt: skip


class Pictures:
    """Hands out whole batches: one indexing each, not one an image."""

    def __init__(self, images, labels):
        self.images, self.labels = images, labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, places):
        return self.images[places], self.labels[places]


def main():
    import torch
    from torch import nn
    from torch.utils.data import BatchSampler, DataLoader, RandomSampler

    job = json.loads(sys.argv[1])
    torch.set_num_threads(job["threads"])
    torch.manual_seed(job["seed"])
    images, labels = read(job["train"])
    mean, sd = (torch.tensor(job[name]).reshape(1, 3, 1, 1) for name in ("mean", "sd"))
    layout = torch.channels_last if job["layout"] == "channels-last" else torch.contiguous_format
    compute = torch.autocast("cpu", torch.bfloat16, enabled=job["precision"] == "bf16")

    def prepared(batch):
        return ((batch.permute(0, 3, 1, 2).float() / 255 - mean) / sd).contiguous(memory_format=layout)

    set_ = Pictures(images, labels)
    batches = BatchSampler(RandomSampler(set_), job["batch"], drop_last=True)
    loader = DataLoader(set_, sampler=batches, batch_size=None)
    network = NETWORKS[job["network"]](nn, images.shape[1], job["classes"]).to(memory_format=layout)
    network.train()
    optimizer = torch.optim.SGD(network.parameters(), job["lr"], momentum=0.9, weight_decay=5e-4, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, job["lr"], total_steps=job["long"], cycle_momentum=False)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.1)
    step, marks = 0, {}
    while step < job["long"]:
        for x, y in loader:
            x = prepared(x)
            x = torch.where((torch.rand(len(x), 1, 1, 1) < 0.5), x.flip(3), x)
            with compute:
                loss = loss_of(network(x), y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            step += 1
            if step in (1, job["short"], job["long"]):
                marks[step] = (time.process_time(), time.perf_counter())
            if step == job["long"]:
                break
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    network.eval()
    hits, (held, truth) = 0, read(job["valid"])
    with torch.no_grad(), compute:
        for at in range(0, len(truth), 128):
            hits += (network(prepared(held[at : at + 128])).argmax(1) == truth[at : at + 128]).sum().item()
    (cpu, wall), (cpu_end, wall_end) = marks[job["short"]], marks[job["long"]]
    parameters = sum(p.numel() for p in network.parameters())
    told = {"cpu": cpu_end - cpu, "wall": wall_end - wall, "parameters": parameters, "accuracy": hits / len(truth)}
    # `BEGAN` is when this script begins, after Python's own start, which processor time holds.
    told |= {"first_cpu": marks[1][0], "first_wall": marks[1][1] - BEGAN, "peak_memory_bytes": peak}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
