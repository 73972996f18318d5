"""SageMaker's control plane: which function answers which operation. What is not here, moto answers."""

from __future__ import annotations

from longshore.emulator.jobs import processing, training
from longshore.emulator.jobs.transform import job as transform
from longshore.emulator.operations import endpoint_configs, endpoints, models, tags
from longshore.emulator.operations.base import Handler

TABLE: dict[str, Handler] = {
    **models.HANDLERS,
    **endpoint_configs.HANDLERS,
    **endpoints.HANDLERS,
    **tags.HANDLERS,
    **training.HANDLERS,
    **transform.HANDLERS,
    **processing.HANDLERS,
}
