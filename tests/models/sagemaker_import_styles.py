"""Imports neighbors in each of the ways that scripts do."""

import helpers
from package import of_package

from . import helpers as relative
from .helpers import double
from .package.deeper import triple


def model_fn(model_dir):
    return None


def predict_fn(data, model):
    return [helpers.double(1), relative.double(2), double(3), triple(1), of_package()]
