"""A sample model, which tells three kinds of iris apart. Put your own in its place.

train() is what `train` runs; load() and predict() are what `serve` runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import skops.io
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier

# A request that load() and predict() can answer: its body and content type (MODEL_SERVER_GOLDEN_REQUEST).
example = ("5.1,3.5,1.4,0.2\n", "text/csv")


def train(channels: dict[str, Path], hyperparameters: dict[str, Any], model_dir: Path) -> None:
    """Fit a tree to the CSV files of channel `training`: no header, the label first, then the numbers.

    The hyperparameters are those of DecisionTreeClassifier, max_leaf_nodes for example.
    """
    files = sorted(channels["training"].glob("*.csv"))
    if not files:
        raise FileNotFoundError(f"there is no .csv file in {channels['training']}")
    table = np.concatenate([np.loadtxt(file, delimiter=",", dtype=str, ndmin=2) for file in files])
    labels, features = table[:, 0], table[:, 1:].astype(float)
    fit_x, test_x, fit_y, test_y = train_test_split(
        features, labels, test_size=0.2, stratify=labels, random_state=0
    )

    model = DecisionTreeClassifier(**{"random_state": 0, **hyperparameters}).fit(fit_x, fit_y)

    # SageMaker can read this line as a metric, with the regular expression 'validation:accuracy=([0-9.]+)'.
    print(f"validation:accuracy={model.score(test_x, test_y):.4f}")
    skops.io.dump(model, model_dir / "model.skops")


def load(model_dir: Path) -> DecisionTreeClassifier:
    """Read back what train() saved, once, when `serve` starts."""
    # Unlike a pickle, a skops file runs no code when it is read, and any type in it that could do harm
    # must be named here. A tree is one: its node numbers are used unchecked, so that a forged file could
    # crash the process. This file is not forged: train() above wrote it.
    return skops.io.load(model_dir / "model.skops", trusted=["sklearn.tree._tree.Tree"])


def predict(model: DecisionTreeClassifier, data: Any) -> np.ndarray:
    """The name of the iris for each row of `data`; a ValueError tells the caller what to send instead.

    From CSV, data is an array of rows; from JSON, it is what was sent: a list of rows,
    or {"instances": [rows]}.
    """
    rows = data.get("instances") if isinstance(data, dict) else data
    wanted = (
        f"Send rows of {model.n_features_in_} numbers: sepal length and width, petal length and width, in cm."
    )
    try:
        table = np.asarray(rows, dtype=float)
    except (TypeError, ValueError):  # text, or rows of unequal length
        raise ValueError(wanted) from None
    if table.ndim != 2 or table.shape[1] != model.n_features_in_:
        raise ValueError(wanted)
    names: np.ndarray = model.predict(table)
    return names
