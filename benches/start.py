#!/usr/bin/env python3
"""Times how a worker starts: until it begins a training, until its first step is done, and its memory then and at the peak.

Beside it PyTorch's script (`training_peer.py`), where torch is there. Prints a Markdown table.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from beside import arguments, chosen, finish, machine, project, say
from orchestration import find_pipeline
from training import experiment, peer

# As in `training.py`: name, image size, batch, learning rate, steps of the shorter training.
CASES = [("cnn", 64, 64, 0.01, 10), ("ultralight", 64, 64, 0.02, 10)]
TICKS = os.sysconf("SC_CLK_TCK")


def worker_and_jobs(pipeline, folder, case):
    """Runs the experiment once, and gives the job file of its shorter training, which is then not in the store."""
    (folder / "start.toml").write_text(experiment(*case, "fp32", 0))
    command = [str(pipeline), "run", "start.toml", "--jobs", "1"]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if ran.returncode:
        sys.exit(f"`{' '.join(command)}` failed:\n{ran.stderr}")
    for path in (folder / "artifacts/train").glob("*/receipt.json"):
        told = json.loads(path.read_text())
        if (told["label"], list(told["pre_image"]["parameters"]["network"])) == ("short", [case[0]]):
            job = folder / f"{case[0]}-job.json"
            order = json.loads((path.parent / "measured/job.json").read_text())
            job.write_text(json.dumps(order | {"log": str(folder / "log")}))
            return pipeline.with_name("pipeline-worker"), job, path.parent
    sys.exit("the training left no receipt")


def processor_secs(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory(pid, name):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) * 1024


def ours(worker, job, artifact):
    """Seconds, processor seconds and memory from the start of the process to its first steps."""
    shutil.rmtree(artifact)
    began = time.perf_counter()
    child = subprocess.Popen([worker, job], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    found = {}
    for line in child.stdout:
        told = json.loads(line)
        if told["event"] == "failed":
            sys.exit(f"the worker failed: {told['message']}")
        name = {"started": "begun", "progress": "step"}.get(told["event"])
        if name == "step" and told["done"] > 1:
            found["peak"] = memory(child.pid, "VmHWM")
        elif name:
            found[name] = (time.perf_counter() - began, processor_secs(child.pid))
            found[f"{name} memory"] = memory(child.pid, "VmRSS")
    child.stdin.close()
    if child.wait():
        sys.exit("the worker failed")
    return found


def theirs(python, folder, case):
    told = peer(python, folder, case, "fp32", "channels-last", 0)
    return told and {"step": (told["first_wall"], told["first_cpu"]), "peak": told["peak_memory_bytes"]}


def row(case, name, runs):
    """Medians; what a program does not tell apart is left empty."""

    def secs(mark, place):
        values = [run[mark][place] for run in runs if mark in run]
        return f"{statistics.median(values):.2f}" if values else ""

    def megabytes(mark):
        values = [run[mark] for run in runs if mark in run]
        return f"{statistics.median(values) / 1e6:.0f}" if values else ""

    figures = [secs("begun", 1), secs("begun", 0), secs("step", 1), secs("step", 0), megabytes("begun memory"), megabytes("peak")]
    return f"| {case[0]} {case[1]}², {case[2]} | {name} | " + " | ".join(figures) + " |"


def main():
    options = arguments(__doc__, "networks", "start.md")
    pipeline = Path(find_pipeline(options.pipeline)).resolve()
    lines = [
        "# The start of a worker",
        f"\n{machine()}; one thread, fp32; medians of n = {options.repeat} starts.\n",
        "From the start of the process, each time: `begun` is when images are open and the network has its first weights, `step` "
        "when the first step is done. Memory is resident; the peak is that after ten steps.\n",
        "| network, images, batch | program | begun, CPU s | wall s | step, CPU s | wall s | begun, MB | peak, MB |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    with project() as folder:
        for case in chosen(CASES, options.words):
            worker, job, artifact = worker_and_jobs(pipeline, folder, case)
            mine, others = [], []
            for repetition in range(options.repeat):
                say(f"{case[0]}, start {repetition + 1} of {options.repeat}")
                mine.append(ours(worker, job, artifact))
                others.append(theirs(options.python, folder, case))
            lines.append(row(case, "ours", mine))
            if all(others):
                lines.append(row(case, "PyTorch, channels-last", others))
    finish(lines, options, "start.md")


if __name__ == "__main__":
    main()
