#!/usr/bin/env python3
"""Times a whole experiment beside a PyTorch script: from photographs to accuracies on the test split, cold and warm.

Prints a Markdown table. Wants photographs of birds by class (data/birds), and torch and torchvision for the peer.
"""

import csv
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from beside import HINT, arguments, chosen, finish, machine, say
from orchestration import ROOT, find_pipeline
from training import has_bf16

PEER = Path(__file__).with_name("whole_peer.py")
SIDE, BATCH, SEEDS = 48, 16, (0, 1, 2)
SPLITS = {"train": 130, "valid": 20, "test": 50}
# Name, steps, highest learning rate: VGG16 gets few steps, or it would be all that is timed.
NETWORKS = [("cnn", 400, 0.01), ("ultralight", 400, 0.01), ("vgg16-bn", 40, 0.01)]


def experiment(networks, precision):
    listed = ", ".join(f'{{ name = "{name}", steps = {steps}, lr = {lr} }}' for name, steps, lr in networks)
    amounts = ", ".join(f"{split} = {count}" for split, count in SPLITS.items())
    return f"""
replicates = ["seed"]

[subset.photos]
dataset = "birds"
classes = {{ at_least = 200, up_to = 5 }}
per_class = {{ {amounts} }}
image_size = {SIDE}

[train.net]
from = "photos"
network = "{{network.name}}"
steps = "{{network.steps}}"
batch = {BATCH}
optimizer = {{ sgd = {{ lr = "{{network.lr}}", momentum = 0.9, weight_decay = 5e-4 }} }}
transforms = ["flip"]
label_smoothing = 0.1
curve_points = 1
precision = "{precision}"
seed = "{{seed}}"

[evaluate.score]
of = "net"
on = "photos"

[matrix]
network = [{listed}]
seed = {list(SEEDS)}
"""


def timed(command, folder):
    """Wall seconds, processor seconds of the program and all that it starts, and what it printed."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": wall, "cpu": cpu}, ran


def ours(pipeline, birds, networks, precision, folder):
    """In an empty store, and once more with nothing to do; with the accuracies by network."""
    folder.mkdir()
    (folder / "pipeline.toml").write_text(f"device = \"cpu\"\n\n[datasets.birds]\npath = {json.dumps(str(birds))}\n")
    (folder / "whole.toml").write_text(experiment(networks, precision))
    told = []
    for turn in ("cold", "warm"):
        spent, ran = timed([str(pipeline), "run", "whole.toml"], folder)
        if ran.returncode:
            sys.exit(f"`pipeline run` failed:\n{ran.stderr}")
        told.append(spent | {"turn": turn, "accuracy": accuracies(folder)})
    return told


def accuracies(folder):
    """By network, of each seed, on the test split."""
    with open(folder / "artifacts/results/whole/latest/runs.csv") as file:
        rows = list(csv.DictReader(file))
    found = {}
    for row in rows:
        found.setdefault(row["network"], []).append(float(row["accuracy"]))
    return found


def drawn(folder):
    """The photographs of each split as ours drew them, with their labels: both learn from the same ones."""
    content = next((folder / "artifacts/subset").glob("*/content"))
    return {split: photographs(content / f"{split}.safetensors") for split in SPLITS}


def photographs(path):
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])

    def tensor(name):
        start, end = (8 + size + offset for offset in header[name]["data_offsets"])
        return data[start:end]

    labels = memoryview(tensor("labels")).cast("q").tolist()
    return list(zip(tensor("source").decode().splitlines(), labels))


def peer(python, birds, networks, precision, files, cache, cold):
    """PyTorch's script; `cache` holds decoded images from one run to the next, as a careful user's would."""
    if cold:
        cache.unlink(missing_ok=True)
    job = {
        "root": str(birds), "files": files, "side": SIDE, "cache": str(cache), "batch": BATCH, "seeds": SEEDS,
        "networks": networks, "precision": precision,
    }  # fmt: skip
    order = cache.with_suffix(".json")
    order.write_text(json.dumps(job))
    spent, ran = timed([python, str(PEER), str(order)], cache.parent)
    if ran.returncode:
        say(f"PyTorch is left out: {ran.stderr.strip().splitlines()[-1]}\nhint: {HINT}")
        return None
    return spent | {"turn": "cold" if cold else "warm", "accuracy": json.loads(ran.stdout)}


def measure(options, pipeline, birds, networks, place):
    """What every contestant was told, in turns whose order rotates."""
    precisions = ["fp32", "bf16"] if has_bf16() else ["fp32"]
    told, files = {}, None
    for repetition in range(options.repeat):
        for precision in precisions if repetition % 2 == 0 else precisions[::-1]:
            say(f"repetition {repetition + 1} of {options.repeat}, {precision}")
            folder = place / f"{precision}-{repetition}"
            for run in ours(pipeline, birds, networks, precision, folder):
                told.setdefault(("ours", precision, run["turn"]), []).append(run)
            files = files or drawn(folder)
            for cold in (True, False):
                run = peer(options.python, birds, networks, precision, files, place / f"cache-{precision}.pt", cold)
                if run:
                    told.setdefault(("PyTorch", precision, run["turn"]), []).append(run)
    return told


def rows(told, networks):
    lines = []
    for (name, precision, turn), runs in told.items():
        wall, cpu = (statistics.median(run[key] for run in runs) for key in ("wall", "cpu"))
        mine = told[("ours", precision, turn)]
        ratio = statistics.median(their["wall"] / our["wall"] for their, our in zip(runs, mine))
        shown = "" if name == "ours" else f"{ratio:.0f}" if ratio >= 100 else f"{ratio:.2f}"
        scores = " | ".join(accuracy(runs, network) for network, *_ in networks)
        lines.append(f"| {name} | {precision} | {turn} | {wall:.2f} | {cpu:.2f} | {shown} | {scores} |")
    return lines


def accuracy(runs, network):
    """Over the seeds of the first repetition: the others train the same."""
    values = [100 * value for value in runs[0]["accuracy"][network]]
    return f"{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}" if len(values) > 1 else f"{values[0]:.1f}"


def heading(options, networks):
    what = ", ".join(f"{name} ({steps} steps)" for name, steps, _ in networks)
    images = " / ".join(str(5 * count) for count in SPLITS.values())
    return [
        "# A whole experiment beside PyTorch",
        f"\n{machine()}; medians of n = {options.repeat}, contestants in turn.\n",
        f"{what}, {len(SEEDS)} seeds each, batch {BATCH}, on {images} photographs of five birds (training, validation, test) at "
        f"{SIDE} px, from JPEG files to accuracies on the test split. Cold: an empty store, or no cache of decoded images; files are "
        "in the page cache. Warm: ours has nothing to do, and PyTorch's script trains again on images that it decoded before. "
        "× ours: how many times as long (wall). Accuracy: mean ± sd over the seeds.\n",
        f"| program | precision | | wall s | CPU s | × ours | {' | '.join(f'{name} %' for name, *_ in networks)} |",
        f"|---|---|---|---:|---:|---:|{'---:|' * len(networks)}",
    ]


def main():
    options = arguments(__doc__, "networks", "whole.md", repeat=1)
    pipeline, birds = find_pipeline(options.pipeline), (ROOT / "data/birds").resolve()
    if not birds.is_dir():
        sys.exit(f"no photographs at `{birds}`\nhint: data/birds/train/CLASS/*.jpg, at least 200 of each of five classes")
    networks = chosen(NETWORKS, options.words)
    with tempfile.TemporaryDirectory(prefix="pipeline-bench-") as place:
        told = measure(options, pipeline, birds, networks, Path(place))
    finish(heading(options, networks) + rows(told, networks), options, "whole.md")


if __name__ == "__main__":
    main()
