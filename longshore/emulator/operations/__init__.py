"""SageMaker's control plane: which function answers which operation. What is not here, moto answers."""

from __future__ import annotations

from longshore.emulator.operations import (
    endpoint_configs,
    endpoints,
    models,
    processing_jobs,
    search,
    tags,
    training_jobs,
    transform_jobs,
)
from longshore.emulator.operations.base import Handler

TABLE: dict[str, Handler] = {
    **models.HANDLERS,
    **endpoint_configs.HANDLERS,
    **endpoints.HANDLERS,
    **tags.HANDLERS,
    **training_jobs.HANDLERS,
    **transform_jobs.HANDLERS,
    **processing_jobs.HANDLERS,
    **search.HANDLERS,
}
