#!/usr/bin/env python3
"""Times an iteration of distillation of `pipeline` beside the same in plain PyTorch, built as published code is.

Prints a Markdown table. Wants torch for the peer; without it there is nothing to compare, and it says so.
"""

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from orchestration import ROOT, find_pipeline
from training import CLASSES, HINT, PER_CLASS, VALID, ratio_of, say, subset

PEER = Path(__file__).with_name("distillation_peer.py")

# Method, images a class, width of the network, real images of a class, iterations of the shorter run; the longer one
# takes three times as many.
CASES = [
    ("distribution-matching", 1, 32, 32, 8),
    ("distribution-matching", 1, 128, 64, 3),
    ("distribution-matching", 10, 128, 64, 3),
    ("gradient-matching", 1, 32, 32, 5),
    ("gradient-matching", 1, 128, 64, 2),
]
SIDE = 32
RATES = {"distribution-matching": 1.0, "gradient-matching": 0.1}
# What ours needs told, so that it does in an iteration what the peer does.
SETTINGS = {"distribution-matching": "", "gradient-matching": ", updates_per_network = 1, network_epochs = 0"}


def experiment(case, seed):
    method, per_class, width, real_batch, iterations = case
    stages = "".join(
        f"""
[distil.{name}]
from = "drawings"
images_per_class = {per_class}
method = {{ {method} = {{ iterations = {count}, width = {width}, real_batch = {real_batch}, lr = {RATES[method]}{SETTINGS[method]} }} }}
seed = {seed}
"""
        for name, count in (("short", iterations), ("long", 3 * iterations))
    )
    return f"""
[subset.drawings]
dataset = "drawings"
per_class = {{ train = {PER_CLASS}, valid = {VALID}, test = 1 }}
image_size = {SIDE}
{stages}"""


def ours(pipeline, folder, case, seed):
    """Processor and wall seconds of the iterations that the longer run has more."""
    name = f"{'-'.join(map(str, case))}-{seed}"
    (folder / f"{name}.toml").write_text(experiment(case, seed))
    before = set((folder / "artifacts/distil").glob("*/receipt.json"))
    command = [str(pipeline), "run", f"{name}.toml", "--jobs", "1"]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if ran.returncode:
        sys.exit(f"`{' '.join(command)}` failed:\n{ran.stderr}")
    made = set((folder / "artifacts/distil").glob("*/receipt.json")) - before
    receipts = {receipt["label"]: receipt for receipt in (json.loads(path.read_text()) for path in made)}
    short, long = receipts["short"], receipts["long"]
    return {key: long[f"{secs}_secs"] - short[f"{secs}_secs"] for key, secs in (("cpu", "cpu"), ("wall", "took"))}


def peer(python, folder, case, seed):
    method, per_class, width, real_batch, iterations = case
    content = subset(folder, SIDE)
    about = json.loads((content / "preprocess.json").read_text())
    job = {
        "method": method, "per_class": per_class, "width": width, "real_batch": real_batch, "lr": RATES[method],
        "short": iterations, "long": 3 * iterations, "threads": 1, "classes": CLASSES, "seed": seed,
        "train": str(content / "train.safetensors"), "mean": about["mean"], "sd": about["sd"],
    }  # fmt: skip
    ran = subprocess.run([python, str(PEER), json.dumps(job)], capture_output=True, text=True)
    if ran.returncode:
        sys.exit(f"the peer failed: {ran.stderr.strip().splitlines()[-1]}\nhint: {HINT}")
    return json.loads(ran.stdout)


def row(options, pipeline, folder, case):
    mine, theirs = [], []
    for repetition in range(options.repeat):
        say(f"{case[0]}, {case[1]} a class, width {case[2]}, repetition {repetition + 1} of {options.repeat}")
        turns = [
            lambda: mine.append(ours(pipeline, folder, case, repetition)),
            lambda: theirs.append(peer(options.python, folder, case, repetition)),
        ]
        # Ours goes first at first: it makes the images.
        for turn in turns if repetition % 2 == 0 else reversed(turns):
            turn()
    method, per_class, width, real_batch, iterations = case
    ms = [1000 * statistics.median(run["cpu"] for run in runs) / (2 * iterations) for runs in (mine, theirs)]
    ratio = ratio_of(theirs, mine, "cpu")
    return f"| {method} | {per_class} | {width} | {real_batch} | {ms[0]:.0f} | {ms[1]:.0f} | {ratio:.2f} |"


def heading(options):
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return [
        "# Distillation beside plain PyTorch",
        f"\n{model.group(1) if model else platform.machine()}, {os.cpu_count()} processors, Linux {platform.release()}; one thread, "
        f"fp32; {CLASSES} classes of {SIDE}² pictures, DSA; medians over {options.repeat} repetitions, contestants in turn; load "
        f"{os.getloadavg()[0]:.1f}.\n",
        "Milliseconds of processor time an iteration. × ours: how many times as long PyTorch takes as ours (target: 1.5).\n",
        "| method | images a class | width | real images a class | ours | PyTorch | × ours |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="only methods that contain one of these words")
    parser.add_argument("--repeat", type=int, default=5, metavar="N", help="repetitions (5)")
    parser.add_argument("--pipeline", metavar="PATH", help="the program (target/release/pipeline)")
    parser.add_argument("--python", default=sys.executable, metavar="PATH", help="a Python that has torch")
    parser.add_argument("--save", action="store_true", help="also write benches/results/distillation.md")
    options = parser.parse_args()
    pipeline = find_pipeline(options.pipeline)
    if subprocess.run([options.python, "-c", "import torch"], capture_output=True).returncode:
        sys.exit(f"PyTorch is not installed, and there is nothing to compare with\nhint: {HINT}")
    chosen = [case for case in CASES if not options.words or any(word in case[0] for word in options.words)]
    lines, started = heading(options), time.time()
    with tempfile.TemporaryDirectory(prefix="pipeline-bench-") as place:
        folder = Path(place)
        per_class = PER_CLASS + VALID + 1
        (folder / "pipeline.toml").write_text(
            f'device = "cpu"\n\n[datasets.drawings]\nformat = {{ sketch-birds = {{ train = {per_class} }} }}\n'
        )
        lines += [row(options, pipeline, folder, case) for case in chosen]
    say(f"{time.time() - started:.0f} s in all")
    text = "\n".join(lines) + "\n"
    print(text)
    if options.save:
        (ROOT / "benches/results/distillation.md").write_text(text)


if __name__ == "__main__":
    main()
