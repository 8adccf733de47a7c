#!/usr/bin/env python3
"""Writes coreset_figures.json: what herding, k-center and k-means choose among the points of coreset.rs.

usage: coreset_figures.py > coreset_figures.json        (needs NumPy and SciPy)
"""
import json

import numpy as np
from scipy.cluster.vq import kmeans2


def points():
    i = np.arange(300)
    value = ((i * i * 37 + i * 11) % 101) / 101
    return (value + np.where(i // 5 % 3 == i % 5, 3.0, 0.0)).reshape(60, 5)


def herding(f, count):
    mu, chosen = f.mean(0), []
    for k in range(count):
        target = (k + 1) * mu - f[chosen].sum(0)
        distances = np.linalg.norm(target - f, axis=1)
        distances[chosen] = np.inf
        chosen.append(int(distances.argmin()))
    return chosen


def k_center(f, count):
    chosen = [int(np.linalg.norm(f - f.mean(0), axis=1).argmin())]
    while len(chosen) < count:
        nearest = np.min([np.linalg.norm(f - f[j], axis=1) for j in chosen], axis=0)
        chosen.append(int(nearest.argmax()))
    return chosen


def k_means(f, k):
    def spread(seed):
        centres, owner = kmeans2(f, k, iter=200, minit="++", seed=seed)
        return ((f - centres[owner]) ** 2).sum(), centres

    _, centres = min((spread(seed) for seed in range(20)), key=lambda found: found[0])
    return sorted(int(np.linalg.norm(f - centre, axis=1).argmin()) for centre in centres)


f = points()
print(json.dumps({"herding": herding(f, 8), "k_center": k_center(f, 8), "k_means": k_means(f, 3)}))
