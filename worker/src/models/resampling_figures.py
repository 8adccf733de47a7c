"""Prints the figures that `resampling.rs` is held to: learnt positions resampled by timm for images of another size.

Run with PyTorch 2.11 and timm 1.0.31: python resampling_figures.py > resampling_figures.json
"""

import json
import math

import torch
from timm.layers import resample_abs_pos_embed, resize_rel_pos_bias_table


def pattern(shape):
    places = torch.arange(math.prod(shape), dtype=torch.float32)
    return ((places * 37.0).remainder(101.0) / 101.0).view(shape)


def absolute(old, new, channels):
    """A vision transformer's, of `old` and `new` patches a side behind a class token."""
    before = [1, 1 + old * old, channels]
    values = resample_abs_pos_embed(pattern(before), [new, new], num_prefix_tokens=1)
    return told("pos_embed", before, values)


def relative(old, new, heads):
    """A Swin transformer's, of windows of `old` and `new` pixels a side."""
    before, after = [(2 * old - 1) ** 2, heads], [(2 * new - 1) ** 2, heads]
    values = resize_rel_pos_bias_table(pattern(before), (new, new), after)
    return told("layers.0.blocks.0.attn.relative_position_bias_table", before, values)


def told(name, before, values):
    numbers = [round(value, 6) for value in values.flatten().tolist()]
    return {"name": name, "from": before, "to": list(values.shape), "values": numbers}


if __name__ == "__main__":
    cases = [absolute(5, 3, 2), absolute(4, 6, 3)]
    cases += [relative(4, 7, 2), relative(7, 4, 3), relative(7, 8, 1), relative(2, 5, 2), relative(1, 3, 2)]
    print(json.dumps(cases))
