"""Makes forest_golden.json: boosters of Python's XGBoost on a small made-up table, with their predictions and SHAP values.

Made with Python 3.11, numpy 1.24.2, xgboost 1.7.4: python3 forest_golden.py > forest_golden.json
"""
import json

import numpy
import xgboost

ROWS, COLUMNS = 120, 6
SEED = 407422657  # what the trainer gives XGBoost for the seed 1

random = numpy.random.default_rng(7)
values = random.normal(size=(ROWS, COLUMNS)).astype(numpy.float32)
values[:, 3] = 2.5  # constant
values[:, 4] = numpy.round(values[:, 4])  # many ties
values[random.uniform(size=values.shape) < 0.08] = numpy.nan
known = numpy.nan_to_num(values)
labels = (known[:, 0] * 2 + known[:, 1] * known[:, 2] + numpy.abs(known[:, 5]) + random.normal(size=ROWS) * 0.1).astype(numpy.float32)
weights = random.uniform(0.2, 2, size=ROWS).astype(numpy.float32)
weights[:3] = 0

CASES = {
    "xgboost": {"grow_policy": "depthwise", "max_depth": 5, "max_leaves": 0, "eta": 0.1, "lambda": 1, "rounds": 40},
    "gradient-boosting": {"grow_policy": "lossguide", "max_depth": 10, "max_leaves": 12, "eta": 0.1, "lambda": 1, "rounds": 40},
    "random-forest": {"grow_policy": "depthwise", "max_depth": 5, "max_leaves": 0, "eta": 1, "lambda": 1e-5, "num_parallel_tree": 20, "rounds": 1},
    "huber": {"grow_policy": "depthwise", "max_depth": 5, "max_leaves": 0, "eta": 0.1, "lambda": 1, "rounds": 40,
              "objective": "reg:pseudohubererror", "huber_slope": 0.5},
    "sampled": {"grow_policy": "depthwise", "max_depth": 5, "max_leaves": 0, "eta": 0.1, "lambda": 1, "rounds": 40,
                "subsample": 0.8, "colsample_bytree": 0.8, "seed": SEED},
}


def exact(numbers):
    """Floats as doubles, which JSON keeps; None for a missing one."""
    return [None if numpy.isnan(number) else float(number) for number in numpy.asarray(numbers, numpy.float32).ravel()]


cases = {}
for name, settings in CASES.items():
    settings = dict(settings)
    rounds = settings.pop("rounds")
    start = numpy.float32(numpy.average(labels.astype(float), weights=weights.astype(float)))
    if name == "huber":
        order = numpy.argsort(labels, kind="stable")
        passed = numpy.cumsum(weights[order].astype(float))
        start = labels[order][numpy.searchsorted(passed, weights.astype(float).sum() / 2)]
    settings = {"objective": "reg:squarederror", "tree_method": "hist", "nthread": 1, "min_child_weight": 1, "base_score": repr(float(start)),
                "seed_per_iteration": True, **settings}
    table = xgboost.DMatrix(values, label=labels, weight=weights, nthread=1)
    booster = xgboost.train(settings, table, rounds)
    cases[name] = {"predictions": exact(booster.predict(table)), "contributions": exact(booster.predict(table, pred_contribs=True)[:20])}

print(json.dumps({"columns": COLUMNS, "values": exact(values), "labels": exact(labels), "weights": exact(weights), "cases": cases}))
