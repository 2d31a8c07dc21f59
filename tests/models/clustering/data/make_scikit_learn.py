#!/usr/bin/env python3
"""Writes scikit_learn.txt: what scikit-learn 1.2.1 (numpy 1.24) makes of small generated data. Run: python3 make_scikit_learn.py"""
import os

import numpy as np
from sklearn.cluster import DBSCAN, KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_score

random = np.random.default_rng(7)


def heaps(count, dimensions, rows, spread):
    centres = random.uniform(-10, 10, (count, dimensions))
    truth = random.integers(0, count, rows)
    return np.round(centres[truth] + spread * random.standard_normal((rows, dimensions)), 6), truth


def moons(rows):
    turn = np.pi * random.uniform(0, 1, rows)
    which = random.integers(0, 2, rows)
    x = np.where(which == 0, np.cos(turn), 1 - np.cos(turn))
    y = np.where(which == 0, np.sin(turn), 0.4 - np.sin(turn))
    return np.round(np.stack([x, y], 1) + 0.06 * random.standard_normal((rows, 2)), 6), which


def write(out, name, values):
    out.write(name + " " + " ".join(repr(v) for v in np.asarray(values).ravel().tolist()) + "\n")


cases = [
    ("heaps2d", *heaps(4, 2, 150, 1.5), 4, 1.0, 5),
    ("heaps8d", *heaps(6, 8, 200, 3.0), 6, 9.0, 4),
    ("overlapping", *heaps(3, 3, 120, 6.0), 7, 4.0, 6),
    ("moons", *moons(160), 2, 0.18, 5),
]
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "scikit_learn.txt"), "w") as out:
    for name, points, truth, k, eps, minimum in cases:
        weights = np.round(random.uniform(0.1, 5, len(points)), 4)
        init = points[random.choice(len(points), k, replace=False)]
        settings = dict(n_clusters=k, init=init, n_init=1, max_iter=1000, tol=0, algorithm="lloyd")
        plain = KMeans(**settings).fit(points)
        weighted = KMeans(**settings).fit(points, sample_weight=weights)
        dense = DBSCAN(eps=eps, min_samples=minimum).fit(points)
        out.write(f"case {name} {points.shape[1]}\n")
        write(out, "points", points)
        write(out, "truth", truth)
        write(out, "weights", weights)
        write(out, "init", init)
        write(out, "labels", plain.labels_)
        write(out, "inertia", [plain.inertia_])
        write(out, "weighted_labels", weighted.labels_)
        write(out, "weighted_inertia", [weighted.inertia_])
        write(out, "silhouette", [silhouette_score(points, plain.labels_)])
        write(out, "adjusted_rand", [adjusted_rand_score(truth, plain.labels_)])
        write(out, "eps", [eps])
        write(out, "minimum_points", [minimum])
        write(out, "dbscan", dense.labels_)
        core = np.zeros(len(points), dtype=int)
        core[dense.core_sample_indices_] = 1
        write(out, "core", core)
