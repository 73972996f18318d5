"""Keeps {"more": MB} more, or lets go of all where it is not asked to; answers with the MB that it has."""


def load(model_dir):
    return []


def predict(model, data):
    if "more" in data:
        model.append(b"x" * (data["more"] << 20))
    else:
        model.clear()
    return sum(map(len, model)) >> 20
