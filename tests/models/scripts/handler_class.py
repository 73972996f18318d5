"""As TorchServe's: a class alone, which sets the answer's type and status by the context."""


class Handler:
    def initialize(self, context):
        self.folder = context.system_properties.get("model_dir")

    def handle(self, data, context):
        context.set_response_content_type(0, "application/x-mine")
        context.set_response_status(code=201, phrase="Made", idx=0)
        return [bytes(reversed(item["body"])) for item in data]
