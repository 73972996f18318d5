"""All that Longshore's laptop asks of boto3 and botocore: no other module of this package imports them."""

from __future__ import annotations

from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ListShape, ServiceModel, Shape, StructureShape
from botocore.session import Session
from botocore.utils import parse_timestamp

__all__ = ["ListShape", "Shape", "StructureShape", "parse_timestamp", "regions", "service_model"]


@cache
def service_model(service: str) -> ServiceModel:
    """AWS's own description of a service's operations and shapes, such as 'sagemaker'."""
    description: Any = Loader().load_service_model(service, "service-2")
    return ServiceModel(description, service)


def regions() -> list[str]:
    """The names of AWS's regions that have SageMaker, without those of China and of governments."""
    found: list[str] = Session().get_available_regions("sagemaker")
    return found
