#!/usr/bin/env python3
"""What benchmarks beside PyTorch share: their arguments, the project they run in, and what they say of the machine."""

import argparse
import os
import platform
import re
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from orchestration import ROOT

HINT = "python3 -m venv target/peers && target/peers/bin/pip install torch==2.11.0 torchvision==0.26.0 timm"
CLASSES, PER_CLASS, VALID = 10, 100, 20


def arguments(doc, things, result, repeat=5):
    """`things` are what the words choose among; `result` is the file that `--save` writes."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help=f"only {things} that contain one of these words")
    parser.add_argument("--repeat", type=int, default=repeat, metavar="N", help=f"repetitions ({repeat})")
    parser.add_argument("--pipeline", metavar="PATH", help="the program (target/release/pipeline)")
    parser.add_argument("--python", default=sys.executable, metavar="PATH", help="a Python that has torch")
    parser.add_argument("--save", action="store_true", help=f"also write benches/results/{result}")
    return parser.parse_args()


def chosen(cases, words):
    return [case for case in cases if not words or any(word in case[0] for word in words)]


@contextmanager
def project():
    """A folder whose data set `drawings` has as many pictures as the benchmarks ask for."""
    with tempfile.TemporaryDirectory(prefix="pipeline-bench-") as place:
        folder, per_class = Path(place), PER_CLASS + VALID + 1
        (folder / "pipeline.toml").write_text(
            f'device = "cpu"\n\n[datasets.drawings]\nformat = {{ sketch-birds = {{ train = {per_class} }} }}\n'
        )
        yield folder


def machine():
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    name = model.group(1) if model else platform.machine()
    return f"{name}, {os.cpu_count()} processors, Linux {platform.release()}; load {os.getloadavg()[0]:.1f}"


def finish(lines, options, result):
    print("\n".join(lines) + "\n")
    keep(lines, options, result)


def keep(lines, options, result):
    """What is measured by now: a run that is stopped has not been for nothing."""
    if options.save:
        (ROOT / "benches/results" / result).write_text("\n".join(lines) + "\n")


def say(text):
    print(text, file=sys.stderr, flush=True)
