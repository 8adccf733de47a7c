#!/usr/bin/env python3
"""Times a training step of `pipeline` beside PyTorch eager: same network, images, batch, threads and precision.

Prints a Markdown table. Wants torch, torchvision and timm for the peer; a network whose peer cannot be had is left out.
"""

import json
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

from beside import CLASSES, HINT, PER_CLASS, VALID, arguments, chosen, finish, keep, machine, project, say
from orchestration import find_pipeline

PEER = Path(__file__).with_name("training_peer.py")

# Name, image size, batch, learning rate, steps of the shorter training; the longer one takes three times as many.
CASES = [
    ("linear", 64, 128, 0.001, 100),
    ("mlp", 64, 128, 0.01, 40),
    ("convnet", 32, 128, 0.01, 12),
    ("cnn", 64, 64, 0.01, 20),
    ("ultralight", 64, 64, 0.02, 30),
    ("ultralight-modern", 64, 64, 0.02, 60),
    ("airbench", 32, 64, 0.1, 12),
    ("alexnet", 64, 32, 0.01, 20),
    ("vgg11", 64, 16, 0.01, 10),
    ("vgg16", 64, 16, 0.01, 8),
    ("vgg16-bn", 48, 16, 0.01, 8),
    ("resnet18", 32, 64, 0.02, 6),
    ("resnet50", 64, 16, 0.02, 8),
    ("convnext", 64, 32, 0.005, 12),
    ("vit-tiny", 64, 32, 0.005, 12),
    ("swin", 64, 16, 0.005, 8),
]
# Steps of a training that runs ahead of both.
WARM = 2
# Dense layers on 7×7 maps would be 120 million weights.
SETTINGS = {"vgg11": '{ vgg11 = { head = "pooled" } }', "vgg16": '{ vgg16 = { head = "pooled" } }'}


def experiment(network, size, batch, lr, steps, precision, seed):
    trainings = "".join(
        f"""
[train.{name}]
from = "drawings"
network = {SETTINGS.get(network, json.dumps(network))}
steps = {count}
batch = {batch}
optimizer = {{ sgd = {{ lr = {lr}, momentum = 0.9, weight_decay = 5e-4 }} }}
transforms = ["flip"]
label_smoothing = 0.1
curve_points = 1
precision = "{precision}"
seed = {seed}
"""
        # The first is thrown away: it starts without a warm worker, and would make the shorter one look long. PyTorch's script
        # needs none: both marks are in one training.
        for name, count in (("warm", WARM), ("short", steps), ("long", 3 * steps))
    )
    return f"""
[subset.drawings]
dataset = "drawings"
per_class = {{ train = {PER_CLASS}, valid = {VALID}, test = 1 }}
image_size = {size}
{trainings}"""


def ours(pipeline, folder, case, precision, seed):
    """Processor and wall seconds of the steps that the longer training has more, its accuracy and parameters."""
    network, size, *_ = case
    name = f"{network}-{precision}-{seed}"
    (folder / f"{name}.toml").write_text(experiment(*case, precision, seed))
    command = [str(pipeline), "run", f"{name}.toml", "--jobs", "1"]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if ran.returncode:
        sys.exit(f"`{' '.join(command)}` failed:\n{ran.stderr}")
    found = {}
    for path in (folder / "artifacts/train").glob("*/receipt.json"):
        receipt = json.loads(path.read_text())
        told = receipt["pre_image"]["parameters"]
        if (told["seed"], told["precision"], list(told["network"])) == (seed, precision, [network]):
            found[receipt["label"]] = (receipt, path.parent / "content")
    (short, _), (long, content) = found["short"], found["long"]
    spent = {key: long[f"{secs}_secs"] - short[f"{secs}_secs"] for key, secs in (("cpu", "cpu"), ("wall", "took"))}
    last = (content / "curves.csv").read_text().split("\n")
    accuracy = dict(zip(last[0].split(","), last[1].split(",")))["valid_accuracy"]
    return spent | {"accuracy": float(accuracy), "parameters": parameters(content)}


def parameters(content):
    header = (content / "weights.safetensors").read_bytes()
    size = int.from_bytes(header[:8], "little")
    tensors = json.loads(header[8 : 8 + size])
    learnt = (about["shape"] for name, about in tensors.items() if name != "__metadata__" and not is_buffer(name))
    return sum(product(shape) for shape in learnt)


def is_buffer(name):
    return re.search(r"running_(mean|var)$|num_batches_tracked$", name) is not None


def product(numbers):
    total = 1
    for number in numbers:
        total *= number
    return total


def peer(python, folder, case, precision, layout, seed):
    network, size, batch, lr, steps = case
    content = subset(folder, size)
    about = json.loads((content / "preprocess.json").read_text())
    job = {
        "network": network, "precision": precision, "layout": layout, "batch": batch, "lr": lr, "seed": seed,
        "short": steps, "long": 3 * steps, "threads": 1, "classes": CLASSES,
        "train": str(content / "train.safetensors"), "valid": str(content / "valid.safetensors"),
        "mean": about["mean"], "sd": about["sd"],
    }  # fmt: skip
    ran = subprocess.run([python, str(PEER), json.dumps(job)], capture_output=True, text=True)
    if ran.returncode:
        say(f"PyTorch's {network} is left out: {ran.stderr.strip().splitlines()[-1]}\nhint: {HINT}")
        return None
    return json.loads(ran.stdout)


def subset(folder, size):
    for path in (folder / "artifacts/subset").glob("*/receipt.json"):
        if json.loads(path.read_text())["pre_image"]["parameters"]["image_size"] == size:
            return path.parent / "content"
    sys.exit(f"no subset of {size} pixels was made")


# Contestants of a case: name and how it is run.
def contestants(pipeline, python, folder, case, has_bf16):
    def mine(precision):
        return lambda seed: ours(pipeline, folder, case, precision, seed)

    def theirs(precision, layout):
        return lambda seed: peer(python, folder, case, precision, layout, seed)

    found = {
        ("ours", "fp32"): mine("fp32"),
        ("PyTorch, NCHW", "fp32"): theirs("fp32", "nchw"),
        ("PyTorch, channels-last", "fp32"): theirs("fp32", "channels-last"),
    }
    if has_bf16:
        found[("ours", "bf16")] = mine("bf16")
        found[("PyTorch, NCHW", "bf16")] = theirs("bf16", "nchw")
        found[("PyTorch, channels-last", "bf16")] = theirs("bf16", "channels-last")
    return found


def measure(options, pipeline, folder, case):
    """Per contestant the figures of each repetition; contestants take turns, and the order rotates."""
    found = contestants(pipeline, options.python, folder, case, has_bf16())
    told = {name: [] for name in found}
    for repetition in range(options.repeat):
        names = list(found)
        at = repetition % (len(names) - 1)
        # Ours goes first at the first turn: it makes the images.
        order = names if repetition == 0 else names[at:] + names[:at]
        for name in order:
            say(f"{case[0]}, repetition {repetition + 1} of {options.repeat}: {', '.join(name)}")
            figures = found[name](repetition)
            if figures:
                told[name].append(figures)
    return {name: figures for name, figures in told.items() if figures}


def has_bf16():
    return "avx512_bf16" in Path("/proc/cpuinfo").read_text()


def rows(case, told):
    network, size, batch, _, steps = case
    sizes = {figures["parameters"] for runs in told.values() for figures in runs}
    if len(sizes) > 1:
        sys.exit(f"the networks called {network} differ: {sorted(sizes)} parameters")
    lines = []
    for (name, precision), runs in told.items():
        cpu, wall = (1000 * statistics.median(run[key] for run in runs) / (2 * steps) for key in ("cpu", "wall"))
        accuracy = statistics.mean(run["accuracy"] for run in runs)
        ratio = "" if name == "ours" else f"{ratio_of(runs, told.get(('ours', precision)), 'cpu'):.2f}"
        lines.append(
            f"| {network} {size}², {batch} | {precision} | {name} | {cpu:.1f} | {wall:.1f} | {ratio} | {100 * accuracy:.0f} |"
        )
    return lines


def ratio_of(runs, mine, key):
    """How many times as long theirs takes: the median over repetitions that ran beside each other."""
    return statistics.median(their[key] / our[key] for their, our in zip(runs, mine))


def heading(options):
    return [
        "# Training beside PyTorch eager",
        f"\n{machine()}; one thread; medians over {options.repeat} repetitions, contestants in turn.\n",
        "Milliseconds a step. × ours: how many times as long as ours at the same precision (processor time; above 1: ours is "
        "faster). Accuracy: on the validation split after the last of these few steps, the mean, to see that the work is done.\n",
        "| network, images, batch | precision | program | CPU ms | wall ms | × ours | accuracy % |",
        "|---|---|---|---:|---:|---:|---:|",
    ]


def by_default(case, told):
    """One row: PyTorch as it is unless told otherwise, in fp32 and NCHW, against ours by `precision = "auto"`."""
    mine, their = told.get(("ours", "bf16" if has_bf16() else "fp32")), told.get(("PyTorch, NCHW", "fp32"))
    if not (mine and their):
        return []
    return [f"| {case[0]} | {ratio_of(their, mine, 'cpu'):.2f} | {ratio_of(their, mine, 'wall'):.2f} |"]


DEFAULTS = [
    "\n## Default against default\n",
    "How many times as long PyTorch's step takes in fp32 and NCHW, which is what it does unless told otherwise, as ours by "
    '`precision = "auto"`.\n',
    "| network | processor time | wall |",
    "|---|---:|---:|",
]


def main():
    options = arguments(__doc__, "networks", "training.md", repeat=2)
    pipeline = find_pipeline(options.pipeline)
    lines, defaults, started = heading(options), list(DEFAULTS), time.time()
    with project() as folder:
        for case in chosen(CASES, options.words):
            told = measure(options, pipeline, folder, case)
            lines += rows(case, told)
            defaults += by_default(case, told)
            keep(lines + defaults, options, "training.md")
    say(f"{time.time() - started:.0f} s in all")
    finish(lines + defaults, options, "training.md")


if __name__ == "__main__":
    main()
