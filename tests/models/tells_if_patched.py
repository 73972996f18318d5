"""Tells whether gevent has put its own modules in the place of Python's."""


def load(model_dir):
    return None


def predict(model, data):
    from gevent import monkey

    return monkey.is_anything_patched()
