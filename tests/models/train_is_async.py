"""train() is a coroutine, which would never run."""


async def train(channels: object, hyperparameters: object, model_dir: object) -> None:
    pass
