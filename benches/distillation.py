#!/usr/bin/env python3
"""Times an iteration of distillation of `pipeline` beside the same in plain PyTorch, built as published code is.

Prints a Markdown table. Wants torch for the peer; without it there is nothing to compare, and it says so.
"""

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from beside import CLASSES, HINT, PER_CLASS, VALID, arguments, chosen, finish, keep, machine, project, say
from orchestration import find_pipeline
from training import ratio_of, subset

PEER = Path(__file__).with_name("distillation_peer.py")

# Row, images a class, width of the network, real images of a class (of trajectory matching: steps of the student),
# iterations of the shorter run; the longer one takes three times as many. A row is its method, and what tells it apart.
CASES = [
    ("distribution-matching", 1, 32, 32, 24),
    ("distribution-matching", 1, 128, 64, 6),
    ("distribution-matching", 10, 128, 64, 6),
    ("gradient-matching-dsa", 1, 32, 32, 12),
    ("gradient-matching-dsa", 1, 128, 64, 3),
    ("gradient-matching-dc", 1, 32, 32, 12),
    ("trajectory-matching-tesla", 1, 32, 20, 10),
    ("trajectory-matching-tesla", 1, 128, 20, 3),
    ("trajectory-matching-tesla", 10, 32, 10, 4),
    ("trajectory-matching-mtt", 1, 32, 20, 10),
    ("trajectory-matching-mtt", 1, 128, 20, 3),
    ("trajectory-matching-mtt", 10, 32, 10, 4),
]
SIDE = 32
RATES = {"distribution-matching": 1.0, "gradient-matching": 0.1, "trajectory-matching": 10.0}
# What ours needs told, so that it does in an iteration what the peer does.
SETTINGS = {
    "distribution-matching": "real_batch = {of}",
    "gradient-matching": "real_batch = {of}, updates_per_network = 1, network_epochs = 0",
    "trajectory-matching": "student_steps = {of}, student_lr = 0.01, latest_start = 2, expert_epochs = 1",
}
FOLLOWERS = ("trajectory-matching",)
# Without its augmentation, DSA is DC.
PLAIN = ("gradient-matching-dc",)
# MTT's gradient goes back through all steps of a student, TESLA's leaves out what images do to later ones.
UNROLLED = ("trajectory-matching-mtt",)


def method_of(case):
    return next(method for method in RATES if case[0].startswith(method))


def experiment(case, seed):
    (what, per_class, width, of, iterations), method = case, method_of(case)
    follows = method in FOLLOWERS
    network, experts = (f"width = {width}, ", "") if not follows else ("", 'experts = "teachers"\n')
    told = ("dsa = false, " if what in PLAIN else "") + ("unroll = true, " if what in UNROLLED else "")
    settings = f"{network}{told}lr = {RATES[method]}, {SETTINGS[method].format(of=of)}"
    stages = "".join(
        f"""
[distil.{name}]
from = "drawings"
images_per_class = {per_class}
method = {{ {method} = {{ iterations = {count}, {settings} }} }}
{experts}seed = {seed}
"""
        # The first is thrown away: it starts without a warm worker, and would make the shorter one look long.
        for name, count in (("warm", 1), ("short", iterations), ("long", 3 * iterations))
    )
    if follows:
        stages += f"""
[experts.teachers]
from = "drawings"
network = {{ convnet = {{ width = {width} }} }}
experts = 1
epochs = 2
batch = 64
"""
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
    (what, per_class, width, of, iterations), method = case, method_of(case)
    content = subset(folder, SIDE)
    about = json.loads((content / "preprocess.json").read_text())
    job = {
        "method": method, "per_class": per_class, "width": width, "of": of, "lr": RATES[method],
        "short": iterations, "long": 3 * iterations, "dsa": what not in PLAIN, "unroll": what in UNROLLED, "threads": 1,
        "classes": CLASSES, "seed": seed, "train": str(content / "train.safetensors"),
        "mean": about["mean"], "sd": about["sd"],
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
    name, per_class, width, of, iterations = case
    ms = [1000 * statistics.median(run["cpu"] for run in runs) / (2 * iterations) for runs in (mine, theirs)]
    ratio = ratio_of(theirs, mine, "cpu")
    return f"| {name} | {per_class} | {width} | {of} | {ms[0]:.0f} | {ms[1]:.0f} | {ratio:.2f} |"


def heading(options):
    return [
        "# Distillation beside plain PyTorch",
        f"\n{machine()}; one thread, fp32; {CLASSES} classes of {SIDE}² pictures, DSA but in the row of DC; medians "
        f"over {options.repeat} repetitions, contestants in turn.\n",
        "Milliseconds of processor time an iteration. × ours: how many times as long PyTorch takes as ours (target: "
        "1.5). Trajectory matching: in rows of TESLA both take the truncated gradient, in rows of MTT both take the one "
        "through all steps; ours by finite differences, PyTorch's by autograd.\n",
        "| what | images a class | width | real images a class, or steps | ours | PyTorch | × ours |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]


def main():
    options = arguments(__doc__, "methods", "distillation.md", repeat=2)
    pipeline = find_pipeline(options.pipeline)
    if subprocess.run([options.python, "-c", "import torch"], capture_output=True).returncode:
        sys.exit(f"PyTorch is not installed, and there is nothing to compare with\nhint: {HINT}")
    lines, started = heading(options), time.time()
    with project() as folder:
        for case in chosen(CASES, options.words):
            lines.append(row(options, pipeline, folder, case))
            keep(lines, options, "distillation.md")
    say(f"{time.time() - started:.0f} s in all")
    finish(lines, options, "distillation.md")


if __name__ == "__main__":
    main()
