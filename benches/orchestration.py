#!/usr/bin/env python3
"""Times `pipeline`, ninja, Snakemake and DVC on chains of trivial shell stages: a first run, and nothing to do.

Prints a Markdown table. Needs nothing but Python; a peer that is not installed is left out.
"""

import argparse
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHAIN = 10  # stages that wait for one another
NOOPS = 3  # runs with nothing to do, after each first run
PEERS_HINT = "python3 -m venv target/peers && target/peers/bin/pip install ninja snakemake dvc"


# Graphs: stage (chain, link) appends its name to what the link before it made.


def links(stages):
    for stage in range(stages):
        yield stage // CHAIN, stage % CHAIN


def write_pipeline(folder, stages):
    lines = []
    for chain, link in links(stages):
        before = f"cat {{in.c{chain}s{link - 1}}}/x; " if link else ""
        lines.append(f'[command.c{chain}s{link}]\nrun = "({before}echo {chain} {link}) > {{out}}/x"\n')
    (folder / "pipeline.toml").write_text("")
    (folder / "trivial.toml").write_text("\n".join(lines))


def shell_line(chain, link):
    before = f"cat out/{chain}_{link - 1}; " if link else ""
    return f"({before}echo {chain} {link}) > out/{chain}_{link}"


def write_ninja(folder, stages):
    lines = ["rule sh", "  command = $line"]
    for chain, link in links(stages):
        needs = f" out/{chain}_{link - 1}" if link else ""
        lines += [f"build out/{chain}_{link}: sh{needs}", f"  line = {shell_line(chain, link)}"]
    (folder / "build.ninja").write_text("\n".join(lines) + "\n")


def write_snakemake(folder, stages):
    ends = [f"out/{chain}_{link}" for chain, link in links(stages) if link == CHAIN - 1]
    (folder / "Snakefile").write_text(
        f"""
def before(wildcards):
    link = int(wildcards.link)
    return f"out/{{wildcards.chain}}_{{link - 1}}" if link else []

rule all:
    input: {ends!r}

rule stage:
    input: before
    output: "out/{{chain}}_{{link}}"
    shell: "(cat {{input}} /dev/null; echo {{wildcards.chain}} {{wildcards.link}}) > {{output}}"
"""
    )


def write_dvc(folder, stages):
    lines = ["stages:"]
    for chain, link in links(stages):
        lines += [f"  c{chain}s{link}:", f'    cmd: "{shell_line(chain, link)}"']
        if link:
            lines += [f"    deps: [out/{chain}_{link - 1}]"]
        lines += [f"    outs: [out/{chain}_{link}]"]
    (folder / "dvc.yaml").write_text("\n".join(lines) + "\n")


def write_loop(folder, stages):
    lines = [f"sh -c '{shell_line(chain, link)}'" for chain, link in links(stages)]
    (folder / "loop.sh").write_text("\n".join(lines) + "\n")


class Tool:
    """A program: how it is called, what its graph looks like, and what has to happen before its first run."""

    def __init__(self, name, program, write, arguments, prepare=(), is_reference=False):
        self.name, self.program, self.write = name, program, write
        self.arguments, self.prepare = arguments, prepare
        # Only there to tell the overhead of a first run.
        self.is_reference = is_reference

    def command(self):
        return [str(self.program), *self.arguments]


def tools(options, pipeline):
    jobs = str(options.jobs)
    run = ["run", "trivial.toml"]
    snakemake = ["--quiet", "all", "--cores", jobs]
    quiet = ("init", "--no-scm", "--quiet"), ("config", "core.analytics", "false")
    found = [
        Tool("pipeline", pipeline, write_pipeline, [*run, "--jobs", jobs]),
        Tool("pipeline, one job", pipeline, write_pipeline, [*run, "--jobs", "1"], is_reference=True),
        Tool("a plain loop", shutil.which("sh"), write_loop, ["loop.sh"], is_reference=True),
        Tool("ninja", find("ninja"), write_ninja, ["--quiet", "-j", jobs]),
        Tool("Snakemake", find("snakemake"), write_snakemake, snakemake),
        Tool("DVC", find("dvc"), write_dvc, ["repro", "--quiet"], prepare=quiet),
    ]
    for tool in found:
        if tool.program is None:
            say(f"{tool.name} is not installed and is left out\nhint: {PEERS_HINT}")
    return [tool for tool in found if tool.program]


def find(name):
    beside = ROOT / "target/peers/bin" / name
    return beside if beside.exists() else shutil.which(name)


def find_pipeline(given):
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    path = Path(given) if given else target / "release/pipeline"
    if not path.exists():
        sys.exit(f"no program at `{path}`\nhint: `cargo build --release`, or say where it is: `--pipeline PATH`")
    return path.resolve()


# Timing


class Slow(Exception):
    """A program took longer than it may."""


class Failed(Exception):
    """A program ended with an error."""


def timed(command, folder, timeout, environment):
    """Wall and processor seconds, children's included. What the program prints is kept for when it fails."""
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        child = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
            start_new_session=True,
        )
        timer = signal.signal(signal.SIGALRM, lambda *_: os.killpg(child.pid, signal.SIGKILL))
        signal.setitimer(signal.ITIMER_REAL, timeout)
        try:
            _, status, usage = os.wait4(child.pid, 0)
        except KeyboardInterrupt:
            os.killpg(child.pid, signal.SIGKILL)
            raise
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, timer)
        wall = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode == -signal.SIGKILL and wall >= timeout:
            raise Slow
        if child.returncode != 0:
            said.seek(0)
            tail = said.read().decode(errors="replace")[-2000:]
            raise Failed(f"`{' '.join(map(str, command))}` ended with {child.returncode}:\n{tail}")
    return wall, usage.ru_utime + usage.ru_stime


class Figures:
    """What one tool took at one size, over the repetitions."""

    def __init__(self):
        self.first, self.noop, self.slow, self.failed = [], [], False, None


def repetition(tool, stages, options, environment, figures):
    folder = Path(tempfile.mkdtemp(dir=options.folder))
    (folder / "out").mkdir()
    tool.write(folder, stages)
    for arguments in tool.prepare:
        timed([tool.program, *arguments], folder, options.timeout, environment)
    figures.first.append(timed(tool.command(), folder, options.timeout, environment))
    for _ in range(0 if tool.is_reference else NOOPS):
        figures.noop.append(timed(tool.command(), folder, options.timeout, environment))


def measure(found, stages, options, environment, given_up):
    """The figures of every tool at one size; tools take turns, in an order that rotates."""
    figures = {tool.name: Figures() for tool in found}
    for turn in range(options.repeat):
        for place in range(len(found)):
            tool = found[(place + turn) % len(found)]
            mine = figures[tool.name]
            mine.slow = mine.slow or tool.name in given_up
            if mine.slow or mine.failed:
                continue
            say(f"{stages} stages, repetition {turn + 1} of {options.repeat}: {tool.name}")
            try:
                repetition(tool, stages, options, environment, mine)
            except Slow:
                given_up.add(tool.name)
                mine.slow = True
            except Failed as failure:
                mine.failed = str(failure)
                say(mine.failed)
    return figures


def version_milliseconds(pipeline, environment):
    walls = [timed([pipeline, "--version"], ROOT, 10, environment)[0] for _ in range(30)]
    return 1000 * statistics.median(walls)


# The table


def median(pairs, place):
    return statistics.median(pair[place] for pair in pairs) if pairs else None


def cell(pairs, place, ours, figures, timeout):
    seconds = median(pairs, place)
    if seconds is None:
        told = "failed" if figures.failed else f"> {timeout:g} s" if figures.slow else ""
        return told if place == 0 else ""
    shown = f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
    return f"{shown} (× {seconds / median(ours, place):.1f})" if ours and ours is not pairs else shown


def table(stages, figures, timeout):
    ours = figures["pipeline"]
    lines = [
        f"\n### {stages} stages\n",
        "| program | first run | processor time | nothing to do | processor time |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, mine in figures.items():
        first = [cell(mine.first, place, ours.first, mine, timeout) for place in (0, 1)]
        noop = [cell(mine.noop, place, ours.noop, mine, timeout) for place in (0, 1)]
        lines.append(f"| {name} | {' | '.join(first + noop)} |")
    return lines + overhead(stages, figures)


def overhead(stages, figures):
    one, loop = figures["pipeline, one job"].first, figures["a plain loop"].first
    if not one or not loop:
        return []
    wall, processor = (1000 * (median(one, place) - median(loop, place)) / stages for place in (0, 1))
    return [
        f"\nOverhead of a first run, one job against the plain loop: {wall:.1f} ms a stage (target: 3 ms) and "
        f"{processor:.1f} ms of processor time."
    ]


def heading(options, found, version):
    return [
        "# Orchestration: chains of ten trivial shell stages",
        f"\n{processor()}, {os.cpu_count()} processors, {platform.system()} {platform.release()}, "
        f"{filesystem(options.folder)}; {options.jobs} jobs; "
        f"medians over repetitions ({options.repeat}); in brackets: multiples of `pipeline`.",
        f"\n{versions(found)}. `pipeline --version` takes {version:.1f} ms (target: 10 ms).",
    ]


def processor():
    named = [line for line in read("/proc/cpuinfo").splitlines() if line.startswith("model name")]
    return named[0].split(":", 1)[1].strip() if named else platform.processor() or platform.machine()


def filesystem(folder):
    said = subprocess.run(["df", "--output=fstype", folder], capture_output=True, text=True).stdout.split()
    return said[-1] if said else "unknown file system"


def versions(found):
    told = []
    for tool in found:
        if not tool.is_reference:
            said = subprocess.run([tool.program, "--version"], capture_output=True, text=True, timeout=60).stdout.split()
            told.append(f"{tool.name} {said[-1] if said else 'of unknown version'}")
    return ", ".join(told)


def read(path):
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def say(text):
    print(text, file=sys.stderr, flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stages", nargs="*", type=int, default=[100, 1000], help="sizes of the graph (100 1000)")
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="repetitions (3)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N", help="stages at a time (all processors)")
    parser.add_argument("--timeout", type=float, default=120, metavar="S", help="seconds that one call may take (120)")
    parser.add_argument("--pipeline", metavar="PATH", help="the program to time (target/release/pipeline)")
    parser.add_argument("--folder", metavar="PATH", help="where graphs are made (the system's temporary folder)")
    parser.add_argument("--save", action="store_true", help="also write benches/results/orchestration.md")
    options = parser.parse_args()
    for stages in options.stages:
        if stages < CHAIN or stages % CHAIN:
            parser.error(f"{stages} stages are no whole chains of {CHAIN}")
    return options


def main():
    options = arguments()
    pipeline = find_pipeline(options.pipeline)
    found = tools(options, pipeline)
    lines, failures, given_up = [], [], set()
    # All graphs stay until the end: ext4 makes new files slowly for seconds after many were deleted.
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="pipeline-bench-") as place:
        options.folder = place
        environment = {**os.environ, "NO_COLOR": "1", "XDG_CACHE_HOME": place, "XDG_CONFIG_HOME": place}
        environment |= {"DVC_SITE_CACHE_DIR": place, "DVC_NO_ANALYTICS": "1"}
        lines += heading(options, found, version_milliseconds(pipeline, environment))
        for stages in sorted(options.stages):
            figures = measure(found, stages, options, environment, given_up)
            lines += table(stages, figures, options.timeout)
            failures += [mine.failed for mine in figures.values() if mine.failed]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if options.save:
        path = ROOT / "benches/results/orchestration.md"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        say(f"written to `{path.relative_to(ROOT)}`")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
