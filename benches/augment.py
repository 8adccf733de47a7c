#!/usr/bin/env python3
"""Times augmentations of 224 px pictures, decoding, resizing and the whole stage beside OpenCV, albumentations and Pillow.

Prints a Markdown table. A peer that is not installed is left out. Needs NumPy.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

try:
    import numpy as np
except ImportError:
    sys.exit("NumPy is missing\nhint: python3 -m venv target/peers && target/peers/bin/pip install numpy "
             "opencv-python-headless albumentations pillow")
import augment_peers as peers
import augment_stage as stage

ROOT = Path(__file__).resolve().parent.parent
SIDE = 224


class Ours:
    """Our program, which takes orders."""

    def __init__(self, program):
        self.child = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def order(self, name, **arguments):
        self.child.stdin.write(json.dumps({name: arguments}) + "\n")
        self.child.stdin.flush()
        answer = self.child.stdout.readline()
        if not answer:
            sys.exit(f"`bench-augment` ended at {name} {arguments}")
        return json.loads(answer)["seconds"]

    def end(self):
        self.child.stdin.close()
        self.child.wait()


def python_seconds(work, items, times):
    start = time.thread_time()
    for at in range(times):
        work(items[at % len(items)])
    return time.thread_time() - start


def measured(contestants, options):
    """Median processor seconds of one call of each; they take turns, in an order that rotates."""
    times = {}
    for name, run in contestants.items():
        once = max(run(4) / 4, 1e-6)
        times[name] = max(4, int(options.slice / once))
    seconds = {name: [] for name in contestants}
    names = list(contestants)
    for turn in range(options.repeat):
        for place in range(len(names)):
            name = names[(place + turn) % len(names)]
            seconds[name].append(contestants[name](times[name]) / times[name])
    return {name: statistics.median(of) for name, of in seconds.items()}


# Pictures


def pictures(folder, count=16):
    """Photographs of a folder, or drawn ones: their look decides how long some augmentations take."""
    files = sorted(Path(folder).rglob("*.jpg"))[:: 7][:count] if folder else []
    if files and peers.cv2:
        read = [peers.cv2.imread(str(file))[..., ::-1] for file in files]
        return np.stack([peers.cv2.resize(one, (SIDE, SIDE)) for one in read]), f"{len(read)} photographs"
    rng = np.random.default_rng(0)
    return np.stack([drawn(rng) for _ in range(count)]), f"{count} drawn pictures"


def drawn(rng):
    """Discs of one colour on a ramp, with a little noise."""
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    picture = np.stack([x * rng.random() + y * rng.random() for _ in range(3)], axis=-1)
    for _ in range(24):
        centre, radius = rng.integers(0, SIDE, 2), rng.integers(5, 45)
        picture[(x - centre[0]) ** 2 + (y - centre[1]) ** 2 < radius**2] = rng.integers(0, 256, 3)
    return np.clip(picture + rng.normal(0, 6, picture.shape), 0, 255).astype(np.uint8)


# Rows


def operation_row(ours, one, images, options, folder):
    op = {one.op: one.settings}
    contestants = {"ours": lambda times: ours.order("apply", op=op, times=times)}
    # One object a picture: Pillow's are remembered by it.
    items = list(images)
    for name, work in one.peers():
        contestants[name] = lambda times, work=work: python_seconds(work, items, times)
    seconds = measured(contestants, options)
    return [one.title, *columns(seconds), difference(ours, op, one.oracle, images, folder)]


def columns(seconds):
    """Ours, then each peer with how many times as long it takes."""
    mine = seconds["ours"]
    best = [name for name in seconds if name.startswith(("OpenCV", "NumPy"))]
    fastest = min(best, key=seconds.get, default=None)
    cells = [rate(mine)]
    for name in ("albumentations", fastest, "Pillow"):
        known = seconds.get(name)
        label = f" {name}" if name == fastest and name else ""
        cells.append(f"{rate(known)} (× {known / mine:.1f}){label}" if known else "–")
    return cells


def rate(seconds):
    if seconds is None:
        return "–"
    per_second = 1 / seconds
    return f"{per_second / 1000:.1f}k" if per_second >= 1000 else f"{per_second:.0f}"


def difference(ours, op, oracle, images, folder):
    if oracle is None:
        return "–"
    path = folder / "results"
    ours.order("write", op=op, path=str(path))
    seen = np.fromfile(path, np.uint8).reshape(images.shape).astype(int)
    wanted = np.stack([oracle(image) for image in images]).astype(int)
    apart = abs(seen - wanted)
    return str(apart.max()) + (f" (mean {apart.mean():.3f})" if apart.max() else "")


def decoding_rows(ours, images, options, folder):
    """JPEG files of 500 × 375 at quality 90, and their way to 224 × 224 by a triangle filter as wide as the scale."""
    if not peers.cv2:
        return []
    files, paths = [], []
    for at, image in enumerate(images):
        wide = peers.cv2.resize(image, (500, 375), interpolation=peers.cv2.INTER_CUBIC)
        paths.append(folder / f"{at}.jpg")
        peers.cv2.imwrite(str(paths[-1]), wide[..., ::-1], [peers.cv2.IMWRITE_JPEG_QUALITY, 90])
        files.append(np.fromfile(paths[-1], np.uint8))
    ours.order("files", paths=[str(path) for path in paths])
    rows = []
    for title, mine, one in (
        ("decode JPEG 500 × 375", lambda times: ours.order("decode", times=times), peers.DECODING),
        ("resize 500 × 375 → 224", lambda times: ours.order("resize", side=SIDE, times=times), peers.RESIZING),
    ):
        items = files if one is peers.DECODING else [peers.read(file) for file in files]
        contestants = {"ours": mine}
        for name, work in one.peers(items):
            contestants[name] = work
        contestants = {
            name: work if name == "ours" else lambda times, w=work: python_seconds(w[0], w[1], times)
            for name, work in contestants.items()
        }
        seconds = measured(contestants, options)
        ours.order("write-decoded", path=str(folder / "results"), side=SIDE if one is peers.RESIZING else None)
        seen = np.fromfile(folder / "results", np.uint8).astype(int)
        wanted = np.concatenate([one.oracle(item).ravel() for item in items]).astype(int)
        rows.append([title, *columns(seconds), f"{abs(seen - wanted).max()} (mean {abs(seen - wanted).mean():.3f})"])
    return rows


# The page


def heading(options, told):
    return [
        "# Augmentation, 224 × 224 × 3 bytes",
        f"\n{processor()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, {platform.system()} "
        f"{platform.release()}; {told}. Pictures a second and thread: medians of processor time over {options.repeat} "
        "turns that alternate in one run; in brackets: how many times as long the peer takes. The last column is the "
        "largest difference of ours to the oracle in levels: OpenCV where it has the operation, else NumPy.",
        f"\n{peers.versions()}. Command: `{options.command}`.\n",
        "| operation | ours | albumentations | best of OpenCV and NumPy | Pillow | difference |",
        "|---|---:|---:|---:|---:|---:|",
    ]


def processor():
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    named = [line for line in lines if line.startswith("model name")]
    return named[0].split(":", 1)[1].strip() if named else platform.processor() or platform.machine()


def say(text):
    print(text, file=sys.stderr, flush=True)


def program(given, name):
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    path = Path(given) if given else target / "release" / name
    if not path.exists():
        sys.exit(f"no program at `{path}`\nhint: `make bench-augment` builds it")
    return path.resolve()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("operations", nargs="*", help="only rows that contain one of these words (all)")
    parser.add_argument("--repeat", type=int, default=7, metavar="N", help="turns (7)")
    parser.add_argument("--slice", type=float, default=0.1, metavar="S", help="seconds of a turn (0.1)")
    parser.add_argument("--images", metavar="FOLDER", help="photographs to work on (drawn pictures)")
    parser.add_argument("--bench", metavar="PATH", help="our program (target/release/examples/bench-augment)")
    parser.add_argument("--pipeline", metavar="PATH", help="for the whole stage (target/release/pipeline)")
    parser.add_argument("--no-stage", action="store_true", help="leaves the whole stage out")
    parser.add_argument("--save", action="store_true", help="also write benches/results/augment.md")
    options = parser.parse_args()
    named = [word if not word.startswith("/") else "FOLDER" for word in sys.argv[1:]]
    options.command = " ".join(["python3 benches/augment.py", *named])
    return options


def main():
    options = arguments()
    for name in peers.absent():
        say(f"{name} is not installed and is left out\nhint: {peers.HINT}")
    ours = Ours(program(options.bench, "examples/bench-augment"))
    images, told = pictures(options.images)
    lines = heading(options, told)
    with tempfile.TemporaryDirectory(prefix="pipeline-bench-") as place:
        folder = Path(place)
        images.tofile(folder / "pictures")
        ours.order("load", path=str(folder / "pictures"), side=SIDE)
        chosen = lambda title: not options.operations or any(word in title for word in options.operations)
        for one in filter(lambda one: chosen(one.title), peers.OPERATIONS):
            say(one.title)
            lines.append(f"| {' | '.join(operation_row(ours, one, images, options, folder))} |")
        if chosen("decode") or chosen("resize"):
            lines += [f"| {' | '.join(row)} |" for row in decoding_rows(ours, images, options, folder)]
        ours.end()
        if not options.no_stage and not options.operations:
            lines += stage.section(program(options.pipeline, "pipeline"), images, folder, say)
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if options.save:
        path = ROOT / "benches/results/augment.md"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        say(f"written to `{path.relative_to(ROOT)}`")


if __name__ == "__main__":
    main()
