"""Imports a package that is not installed."""

import a_package_that_is_not_here  # type: ignore[import-not-found]  # noqa: F401


def train(channels: object, hyperparameters: object, model_dir: object) -> None:
    pass
