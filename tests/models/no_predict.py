"""Has no predict()."""


def load(model_dir):
    return None
