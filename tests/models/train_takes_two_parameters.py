"""train() lacks a parameter."""


def train(channels: object, model_dir: object) -> None:
    pass
