"""The whole stage for `augment.py`: JPEG files → 11 augmentations → one packed file, by `pipeline run` and by Python."""

import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np

import augment_peers as peers

CLASSES, PER_CLASS, COPIES, TURNS = 2, 200, 11, 5

PROJECT = """
device = "cpu"
[datasets.photos]
path = "photos"
format = "image-folder"
"""

EXPERIMENT = f"""
[subset.set]
dataset = "photos"
per_class = {{ train = {PER_CLASS}, test = 1 }}
keep_together = "nothing"
image_size = 224
[augment.more]
from = "set"
policy = "one-copy-per-op"
keep_originals = false
apply = [
  {{ brightness = {{ by = [0.2, 0.2] }} }}, {{ contrast = {{ by = [0.3, 0.3] }} }}, {{ saturation = {{ by = [0.5, 0.5] }} }},
  "horizontal-flip", "gaussian-noise", "median-blur", "adaptive-histogram-equalisation", {{ bitmap-compression = {{ bits = 4 }} }},
  "edges", "salt-and-pepper", {{ grid-noise = {{ shape = "squares", spacing = 16, thickness = 8 }} }},
]
"""


def write_photos(folder, images):
    for at in range(CLASSES * (PER_CLASS + 1)):
        kind, place = at % CLASSES, at // CLASSES
        split = "train" if place < PER_CLASS else "test"
        path = folder / "photos" / split / f"class{kind}" / f"{place}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        image = np.roll(images[at % len(images)], at, axis=1)
        wide = peers.cv2.resize(image, (500, 375), interpolation=peers.cv2.INTER_CUBIC)
        peers.cv2.imwrite(str(path), wide[..., ::-1], [peers.cv2.IMWRITE_JPEG_QUALITY, 90])


# A process's peak counts from before it became another program: a small one has to start it.
LAUNCHER = """
import os, sys, time
start = time.perf_counter()
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, 1, 0)])
_, status, usage = os.wait4(child, 0)
print(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
sys.exit(os.waitstatus_to_exitcode(status) != 0)
"""


def run(command, folder, processors):
    """Wall seconds, processor seconds, and the most megabytes that one process took."""
    pin = ["taskset", "-c", processors] if shutil.which("taskset") else []
    launched = [sys.executable, "-S", "-c", LAUNCHER, *pin, *map(str, command)]
    done = subprocess.run(launched, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr[-2000:])
    return tuple(float(figure) for figure in done.stdout.split())


def ours(pipeline, folder, processors):
    shutil.rmtree(folder / "artifacts", ignore_errors=True)
    return run([pipeline, "run", "x.toml", "--jobs", processors.count(",") + 1], folder, processors)


def python(folder, processors):
    return run([sys.executable, __file__, folder, processors.count(",") + 1], folder, processors)


def section(pipeline, images, folder, say):
    if not (peers.cv2 and peers.A):
        return ["\nThe whole stage is left out: it wants OpenCV and albumentations."]
    write_photos(folder, images)
    (folder / "pipeline.toml").write_text(PROJECT)
    (folder / "x.toml").write_text(EXPERIMENT)
    figures = {}
    for turn in range(TURNS):
        for processors in ("0", "0,1")[: os.cpu_count()]:
            say(f"the whole stage, turn {turn + 1} of {TURNS}, on processors {processors}")
            figures.setdefault(("ours", processors), []).append(ours(pipeline, folder, processors))
            figures.setdefault(("Python", processors), []).append(python(folder, processors))
    return table(figures)


def table(figures):
    lines = [
        f"\n## The whole stage: {CLASSES * PER_CLASS} JPEG files of 500 × 375 → 224 px → {CLASSES * PER_CLASS * COPIES} "
        "copies, each of one of the 11 augmentations, in one packed file\n",
        f"Medians of {TURNS} alternating turns. `pipeline run` includes its start, the store, digests and a test image a "
        "class; Python uses as many processes as there are processors, with OpenCV and albumentations.\n",
        "| | processors | wall s | processor s | most MB of a process |", "|---|---:|---:|---:|---:|",
    ]
    middle = {key: [statistics.median(column) for column in zip(*runs)] for key, runs in figures.items()}
    for (name, processors), (wall, processor, memory) in middle.items():
        lines.append(f"| {name} | {processors.count(',') + 1} | {wall:.2f} | {processor:.2f} | {memory:.0f} |")
    for processors in dict.fromkeys(processors for _, processors in middle):
        mine, theirs = middle["ours", processors], middle["Python", processors]
        lines.append(
            f"\nOn {processors.count(',') + 1}: Python takes {theirs[0] / mine[0]:.1f} times as long (target: 3) and "
            f"{theirs[1] / mine[1]:.1f} times the processor time."
        )
    if len(middle) == 4:
        one, two = middle["ours", "0"][0], middle["ours", "0,1"][0]
        lines.append(f"\nParallel efficiency of ours on 2 processors: {100 * one / two / 2:.0f} % (target: 90 %); "
                     f"the machine's load was {os.getloadavg()[0]:.1f} at the end, and other work takes its share of both.")
    return lines


# The same job in Python, when run as a program: FOLDER PROCESSES


def transforms():
    A = peers.A
    return [
        A.RandomBrightnessContrast((0.2, 0.2), (0, 0), p=1),
        A.RandomBrightnessContrast((0, 0), (0.3, 0.3), p=1),
        A.ColorJitter((1, 1), (1, 1), (1.5, 1.5), (0, 0), p=1),
        A.HorizontalFlip(p=1),
        A.GaussNoise(std_range=(10 / 255, 10 / 255), p=1),
        A.MedianBlur(blur_limit=(3, 3), p=1),
        A.CLAHE((2, 2), (8, 8), p=1),
        A.Posterize(num_bits=4, p=1),
        A.Lambda(image=lambda image, **_: peers.sobel(image), p=1),
        A.SaltAndPepper((0.04, 0.04), (0.5, 0.5), p=1),
        A.GridDropout(0.5, random_offset=True, unit_size_range=(16, 17), p=1),
    ]


ALL = []


def write_copies(task):
    """Each process writes its own part of the file: nothing is sent back."""
    file, at, packed = task
    ALL.extend([] if ALL else transforms())
    image = peers.cv2.imread(str(file), peers.cv2.IMREAD_COLOR_RGB)
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[top : top + side, left : left + side]
    square = peers.cv2.resize(square, (224, 224), interpolation=peers.cv2.INTER_AREA)
    made = np.stack([transform(image=square)["image"] for transform in ALL])
    with open(packed, "r+b", buffering=0) as out:
        os.pwrite(out.fileno(), made.tobytes(), at * made.nbytes)


def main():
    from concurrent.futures import ProcessPoolExecutor

    folder, processes = Path(sys.argv[1]), int(sys.argv[2])
    packed = folder / "packed"
    packed.write_bytes(b"")
    tasks = [(file, at, packed) for at, file in enumerate(sorted((folder / "photos/train").rglob("*.jpg")))]
    if processes == 1:
        list(map(write_copies, tasks))
    else:
        with ProcessPoolExecutor(processes) as pool:
            list(pool.map(write_copies, tasks, chunksize=4))


if __name__ == "__main__":
    main()
