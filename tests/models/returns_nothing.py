"""predict without a return."""


def load(model_dir):
    return None


def predict(model, data):
    print(data)
