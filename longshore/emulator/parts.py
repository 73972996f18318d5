"""The containers that a model is made of: how SageMaker names each, and where it has each listen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from longshore.limits import PORT

_SAFE_PORTS = (20000, 100)  # the first port that containers may open besides, and how many each may
# Of a model's record whose containers name model packages: the definitions that these stand for.
RESOLVED = "_Containers"
PRIMARY = "primary"  # how SageMaker calls the container of a model that has one


@dataclass(frozen=True)
class Part:
    """One container of a model.

    name: as in SageMaker's messages and, where there are several, in the names of log streams. port: where
    it listens. environment: what SageMaker sets beside the definition's own variables (A7, B4).
    """

    name: str
    definition: dict[str, Any]
    port: int = PORT
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def is_multi_model(self) -> bool:
        """Whether it loads models as they are asked for (B4)."""
        return self.definition.get("Mode") == "MultiModel"


def parts(model: dict[str, Any]) -> list[Part]:
    """Of a model's record: one, or those of a pipeline in their order."""
    definitions = model_containers(model)
    if len(definitions) == 1:
        return [Part(PRIMARY, definitions[0], environment=_multi_model(definitions[0]))]
    return [
        Part(
            definition.get("ContainerHostname") or f"container-{number}",
            definition,
            PORT + number,
            {**_multi_model(definition), **_bind_to(number)},
        )
        for number, definition in enumerate(definitions, 1)
    ]


def model_containers(model: dict[str, Any]) -> list[dict[str, Any]]:
    """A model's container definitions: one, or those of a pipeline in their order."""
    if RESOLVED in model:
        return list(model[RESOLVED])
    if "Containers" in model:
        return list(model["Containers"])
    return [model["PrimaryContainer"]] if "PrimaryContainer" in model else []


def is_direct(model: dict[str, Any]) -> bool:
    """Whether a request goes to the one container that it names, not through all of them (B5)."""
    return bool(model.get("InferenceExecutionConfig", {}).get("Mode") == "Direct")


def passed_on(headers: dict[str, str], content_type: str | None) -> dict[str, str]:
    """A request's headers as the next container gets them, with the type of what the one before answered."""
    kept = {name: value for name, value in headers.items() if name != "Content-Type"}
    return kept if content_type is None else {**kept, "Content-Type": content_type}


def _multi_model(definition: dict[str, Any]) -> dict[str, str]:
    return {"SAGEMAKER_MULTI_MODEL": "true"} if definition.get("Mode") == "MultiModel" else {}


def _bind_to(number: int) -> dict[str, str]:
    """None is 8080, so that a container that ignores its port is found out, as on SageMaker."""
    first, count = _SAFE_PORTS
    start = first + number * count
    return {
        "SAGEMAKER_BIND_TO_PORT": str(PORT + number),
        "SAGEMAKER_SAFE_PORT_RANGE": f"{start}-{start + count - 1}",
    }
