"""Is not Python."""

def load(model_dir:
    return None
