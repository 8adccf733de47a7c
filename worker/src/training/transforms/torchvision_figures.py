"""What torchvision 0.26 makes of two images, for `tests.rs`: `python torchvision_figures.py > torchvision_figures.json`.

Pixels are (k · 53 + (k · k) % 97 · 7) % 256 / 255 for the k-th of [2, 3, 6, 6], with the last channel of the second image at 99
throughout. A line holds the change, the strengths of both images, and the pixels that come out.
"""

import json
import math

import torch
import torchvision.transforms.functional as F
from torchvision.transforms import InterpolationMode

SIDE = 6


def images():
    k = torch.arange(2 * 3 * SIDE * SIDE)
    levels = ((k * 53 + (k * k) % 97 * 7) % 256).view(2, 3, SIDE, SIDE).to(torch.uint8)
    levels[1, 2] = 99
    return levels


def affine(image, angle=0.0, translate=(0.0, 0.0), shear=(0.0, 0.0)):
    # In f64 translations need not be whole: torchvision's own wrapper wants whole ones.
    return F.affine(image, angle, list(translate), 1.0, list(shear), interpolation=InterpolationMode.BILINEAR)


def degrees(tangent):
    return math.degrees(math.atan(tangent))


FLOATS = {
    "brightness": (F.adjust_brightness, [0.6, 1.7]),
    "contrast": (F.adjust_contrast, [0.4, 1.5]),
    "saturation": (F.adjust_saturation, [0.3, 1.8]),
    "hue": (F.adjust_hue, [0.21, -0.4]),
    "sharpness": (F.adjust_sharpness, [0.2, 1.9]),
    "solarise": (F.solarize, [0.5, 0.7]),
    "auto-contrast": (lambda image, _: F.autocontrast(image), [0.0, 0.0]),
    "rotate": (lambda image, by: affine(image, angle=by), [27.0, -10.0]),
    "shear-x": (lambda image, by: affine(image, shear=(degrees(by), 0.0)), [0.3, -0.1]),
    "shear-y": (lambda image, by: affine(image, shear=(0.0, degrees(by))), [0.3, -0.1]),
    "translate-x": (lambda image, by: affine(image, translate=(by, 0)), [1, -2]),
    "translate-y": (lambda image, by: affine(image, translate=(0, by)), [1, -2]),
}
LEVELS = {
    "posterise": (lambda image, bits: F.posterize(image, int(bits)), [3.0, 7.0]),
    "equalise": (lambda image, _: F.equalize(image), [0.0, 0.0]),
}

lines = []
for changes, source in ((FLOATS, images().float() / 255), (LEVELS, images())):
    for name, (change, strengths) in changes.items():
        out = torch.stack([change(image, by) for image, by in zip(source, strengths)]).float()
        out = out / 255 if source.dtype == torch.uint8 else out
        values = [round(value, 4) for value in out.flatten().tolist()]
        lines.append(json.dumps({"change": name, "strengths": strengths, "pixels": values}, separators=(",", ":")))
print("[\n" + ",\n".join(lines) + "\n]")
