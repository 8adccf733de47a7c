#!/usr/bin/env python3
"""Shows that weights go both ways between `pipeline` and torchvision or timm, for each network that they have.

Ours to theirs: each network is trained for two steps and scored by `pipeline run`; PyTorch loads its file, strictly, and scores
the same images. Theirs to ours: PyTorch writes its first weights and its logits, and the worker's own test
`weights_that_pytorch_wrote_give_its_logits` reads both. Prints a Markdown table. Wants torch, torchvision and timm.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from beside import HINT, arguments, finish, say
from orchestration import ROOT, find_pipeline

sys.path.insert(0, str(ROOT / "worker/src/models"))
try:
    import pytorch_figures
    import pytorch_weights
except ImportError as error:
    sys.exit(f"{error}: the peers are not there\nhint: {HINT}")

TEST = "weights_that_pytorch_wrote_give_its_logits"


def short(value):
    """The steps of a ladder are too many for a table."""
    return f"{len(value)} steps" if isinstance(value, list) else value


def label(recipe, side):
    (name, settings), = recipe.items()
    told = ", ".join(f"{key} {short(value)}" for key, value in settings.items())
    return f"{name}{f' ({told})' if told else ''}, {side} px"


def experiment():
    """Every network, trained a little, and scored."""
    stages = ""
    for side in sorted({side for _, side, _ in pytorch_figures.NETWORKS}):
        stages += f"""
[subset.of_{side}]
dataset = "drawings"
per_class = {{ train = 8, valid = 2, test = 10 }}
image_size = {side}
keep_together = "nothing"
"""
    for place, (recipe, side, _) in enumerate(pytorch_figures.NETWORKS):
        (name, settings), = recipe.items()
        told = ", ".join(f"{key} = {json.dumps(value)}" for key, value in settings.items())
        stages += f"""
[train.net_{place:02}]
from = "of_{side}"
network = {{ {name} = {{ {told} }} }}
steps = 2
batch = 16
optimizer = {{ sgd = {{ lr = 0.001 }} }}
precision = "fp32"
curve_points = 1

[evaluate.score_{place:02}]
of = "net_{place:02}"
on = "of_{side}"
"""
    return stages


def contents(folder):
    """The folder of each artifact's files by the label of its stage."""
    receipts = (folder / "artifacts").glob("*/*/receipt.json")
    return {json.loads(path.read_text())["label"]: path.parent / "content" for path in receipts}


def ours_to_theirs(pipeline, folder):
    (folder / "pipeline.toml").write_text(
        'device = "cpu"\n\n[datasets.drawings]\nformat = { sketch-birds = { train = 20 } }\n'
    )
    (folder / "trip.toml").write_text(experiment())
    command = [str(pipeline), "run", "trip.toml"]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if ran.returncode:
        sys.exit(f"`{' '.join(command)}` failed:\n{ran.stderr}")
    found = contents(folder)
    for place, (_, side, _) in enumerate(pytorch_figures.NETWORKS):
        trained, scored = found[f"net_{place:02}"], found[f"score_{place:02}"]
        images = found[f"of_{side}"] / "test.safetensors"
        yield pytorch_weights.compared(trained, images, scored / "predictions.csv")


def theirs_to_ours(folder):
    """How far logits are apart by the number that a network's folder begins with."""
    pytorch_figures.CLASSES = 3
    pytorch_weights.write(folder)
    command = ["cargo", "test", "--workspace", "--bin", "pipeline-worker", "--", "--ignored", "--nocapture", TEST]
    environment = {**os.environ, "PYTORCH_WEIGHTS": str(folder)}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if ran.returncode:
        sys.exit(f"`{' '.join(command)}` failed:\n{ran.stdout}\n{ran.stderr}")
    return dict(re.findall(r"^(\d\d) .*: (\S+) apart$", ran.stdout, re.MULTILINE))


def main():
    options = arguments(__doc__, "networks", "round_trip.md", repeat=1)
    with tempfile.TemporaryDirectory(prefix="pipeline-trip-") as place:
        folder = Path(place)
        say("every network by `pipeline run`, then in PyTorch")
        there = list(ours_to_theirs(find_pipeline(options.pipeline), folder))
        say(f"PyTorch's weights in `{TEST}`")
        back = theirs_to_ours(folder / "theirs")
    lines = [
        "# Weights to torchvision and timm, and back",
        "",
        "Ours to theirs: of 100 images, how many PyTorch tells alike with the weights that `pipeline` trained, and by how much the "
        "probability of the answer differs at most. Theirs to ours: by how much logits differ at most, as a share of the largest or, where that is smaller, of 1.",
        "",
        "| network | told alike | probabilities apart | logits apart |",
        "|---|---:|---:|---:|",
    ]
    for place, ((recipe, side, _), (same, count, apart)) in enumerate(zip(pytorch_figures.NETWORKS, there)):
        lines.append(f"| {label(recipe, side)} | {same} of {count} | {apart:.1e} | {back[f'{place:02}']} |")
    finish(lines, options, "round_trip.md")


if __name__ == "__main__":
    main()
