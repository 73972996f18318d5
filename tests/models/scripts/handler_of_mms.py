"""As the samples of multi-model-server: a service, and handle(data, context)."""

import os


class ModelHandler:
    def __init__(self):
        self.initialized = False

    def initialize(self, context):
        self.initialized = True
        with open(os.path.join(context.system_properties.get("model_dir"), "model.pth")) as file:
            self.weight = float(file.read())

    def preprocess(self, request):
        return [item.get("body") or item.get("data") for item in request]

    def inference(self, bodies):
        return [{"scores": [value * self.weight for value in body]} for body in bodies]

    def handle(self, data, context):
        return self.inference(self.preprocess(data))


_service = ModelHandler()


def handle(data, context):
    if not _service.initialized:
        _service.initialize(context)
    if data is None:
        return None
    return _service.handle(data, context)
