"""SageMaker's control plane: which function answers which operation.

Every operation of SageMaker is here or in `refused`; a test holds both against botocore's model.
"""

from __future__ import annotations

from longshore.emulator.operations import (
    configurations,
    endpoint_configs,
    endpoints,
    experiments,
    model_cards,
    model_packages,
    models,
    pipelines,
    processing_jobs,
    search,
    tags,
    training_jobs,
    transform_jobs,
)
from longshore.emulator.operations.base import Handler

# Operations that run something.
_RUN: dict[str, Handler] = {
    **models.HANDLERS,
    **endpoint_configs.HANDLERS,
    **endpoints.HANDLERS,
    **training_jobs.HANDLERS,
    **transform_jobs.HANDLERS,
    **processing_jobs.HANDLERS,
}
# Operations on records for which there is nothing to run.
_RECORD: dict[str, Handler] = {
    **experiments.HANDLERS,
    **model_packages.HANDLERS,
    **model_cards.HANDLERS,
    **pipelines.HANDLERS,
    **configurations.HANDLERS,
}
TABLE: dict[str, Handler] = {**_RUN, **_RECORD, **tags.HANDLERS, **search.HANDLERS}
