#!/usr/bin/env python3
"""Without a fault: it holds several models, which are loaded and unloaded by calls."""

import json
from pathlib import Path

from well_behaved import Container, Refused, main


class Models(Container):
    def load(self):
        self.models = {}

    def listed(self, name):
        return {"modelName": name, "modelUrl": self.models[name][0]}

    def list_models(self):
        return {"models": [self.listed(name) for name in self.models]}

    def load_model(self, name, url):
        if name in self.models:
            raise Refused(409, "It is loaded already.")
        self.models[name] = url, json.loads((Path(url) / "model.json").read_bytes())["weight"]

    def unload(self, name):
        del self.models[name]

    def invoke(self, name, body, headers):
        self.weight = self.models[name][1]
        return self.invocations(body, headers)

    def not_loaded(self):
        raise Refused(404, "No such model is loaded.")

    def route(self, method, path, headers, body):
        _, top, *rest = path.split("/")
        if top == "models":
            return self.of_models(method, rest, headers, body)
        if path == "/invocations" and method == "POST":
            raise Refused(404, "POST to /models/NAME/invoke.")
        return super().route(method, path, headers, body)

    def of_models(self, method, rest, headers, body):
        answer = {}
        match method, rest:
            case "GET", []:
                answer = self.list_models()
            case "POST", []:
                wanted = json.loads(body)
                self.load_model(wanted["model_name"], wanted["url"])
            case _, [name, *_] if name not in self.models:
                self.not_loaded()
            case "GET", [name]:
                answer = self.listed(name)
            case "DELETE", [name]:
                self.unload(name)
            case "POST", [name, "invoke"]:
                return self.invoke(name, body, headers)
            case _:
                raise Refused(405, "There is no such call.")
        return 200, "application/json", json.dumps(answer).encode()


if __name__ == "__main__":
    main(Models())
