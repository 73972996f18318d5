"""Imports a package that is not installed."""

import a_package_nobody_installed


def load(model_dir):
    return a_package_nobody_installed


def predict(model, data):
    return data
