"""Weights to and from torchvision and timm: that files of either side load in the other and give the same logits.

`python pytorch_weights.py write FOLDER` writes networks of PyTorch with its own first weights (each a folder with
network.json, weights.safetensors and logits.json) for the test `weights_that_pytorch_wrote_give_its_logits`.

`python pytorch_weights.py read TRAINED SET PREDICTIONS` loads what `train` left (the artifact's content/) into
torchvision's or timm's network, strictly, scores the test split of an image set (test.safetensors) and compares with
predictions.csv of `evaluate`.

Run with PyTorch 2.11, torchvision 0.26, timm 1.0.31, safetensors.
"""

import csv
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

import pytorch_figures


def write(folder):
    for place, (recipe, side, make) in enumerate(pytorch_figures.NETWORKS):
        torch.manual_seed(place)
        network = make(side).eval()
        here = folder / f"{place:02} {next(iter(recipe))}"
        here.mkdir(parents=True, exist_ok=True)
        state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
        save_file(state, here / "weights.safetensors")
        logits = network(pytorch_figures.images(side)).flatten().tolist()
        (here / "logits.json").write_text(json.dumps(logits))
        described = {
            "name": next(iter(recipe)), "network": recipe, "classes": ["a", "b", "c"], "image_size": side,
            "preprocess": {"mean": [0, 0, 0], "sd": [1, 1, 1]}, "precision": "fp32",
            "parameters": sum(p.numel() for p in network.parameters()),
        }
        (here / "network.json").write_text(json.dumps(described))


def made(described):
    """The network of PyTorch that matches `network.json`: of those whose figures are kept, the one of most settings."""
    kind, settings = next(iter(described["network"].items()))
    given = {name: value for name, value in settings.items() if value is not None}
    fitting = []
    for recipe, side, make in pytorch_figures.NETWORKS:
        other, wanted = next(iter(recipe.items()))
        if other == kind and side == described["image_size"] and wanted.items() <= given.items():
            fitting.append((len(wanted), make))
    if not fitting:
        raise SystemExit(f"no network here is like {described['network']} at {described['image_size']} pixels")
    return max(fitting, key=lambda found: found[0])[1](described["image_size"])


def compared(trained, images, predictions):
    """Images that both tell alike, images, and how far the answers' probabilities are apart at most."""
    described = json.loads((trained / "network.json").read_text())
    pytorch_figures.CLASSES = len(described["classes"])
    network = made(described).eval()
    network.load_state_dict(load_file(trained / "weights.safetensors"), strict=True)
    split = load_file(images)["images"]
    mean, sd = (torch.tensor(described["preprocess"][name]) for name in ("mean", "sd"))
    x = ((split.float() / 255 - mean) / sd).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        shares = network(x).softmax(1)
    with open(predictions) as file:
        rows = list(csv.DictReader(file))
    places = torch.tensor([described["classes"].index(row["predicted"]) for row in rows])
    ours = torch.tensor([float(row["probability"]) for row in rows])
    theirs = shares.gather(1, places[:, None])[:, 0]
    same = (shares.argmax(1) == places).sum().item()
    return same, len(rows), (ours - theirs).abs().max().item()


def read(trained, images, predictions):
    same, count, apart = compared(trained, images, predictions)
    print(f"{same} of {count} images are told alike, probabilities at most {apart:.1e} apart")


if __name__ == "__main__":
    verb, *paths = sys.argv[1:]
    {"write": write, "read": read}[verb](*map(Path, paths))
