"""What Describe answers for members that a request left out: AWS always sends them, and clients rely on it.

The records do not hold them, because whatever runs a job or a model has defaults of its own.
"""

from __future__ import annotations

from typing import Any

_S3_CHANNEL = {"S3DataSource": {"S3DataDistributionType": "FullyReplicated"}}
_CONTAINER = {"Mode": "SingleModel", "Environment": {}}

# By operation. A structure's defaults apply only if the structure is there; a list's to each of its items.
_NESTED: dict[str, dict[str, Any]] = {
    "DescribeTrainingJob": {
        "AlgorithmSpecification": {"EnableSageMakerMetricsTimeSeries": False},
        "InputDataConfig": [
            {"CompressionType": "None", "RecordWrapperType": "None", "DataSource": _S3_CHANNEL}
        ],
        "OutputDataConfig": {"KmsKeyId": "", "CompressionType": "GZIP"},
    },
    "DescribeTransformJob": {
        "TransformInput": {"CompressionType": "None", "SplitType": "None"},
        "TransformOutput": {"AssembleWith": "None", "KmsKeyId": ""},
        "DataProcessing": {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"},
    },
    "DescribeProcessingJob": {
        "ProcessingInputs": [
            {
                "AppManaged": False,
                "S3Input": {"S3DataDistributionType": "FullyReplicated", "S3CompressionType": "None"},
            }
        ],
        "ProcessingOutputConfig": {"Outputs": [{"AppManaged": False}]},
    },
    "DescribeModel": {"PrimaryContainer": _CONTAINER, "Containers": [_CONTAINER]},
}
# By operation, members of the answer itself.
_MEMBERS: dict[str, dict[str, Any]] = {
    "DescribeTrainingJob": {"HyperParameters": {}},
    "DescribeTransformJob": {"DataProcessing": {}},
    "DescribeEndpointConfig": {"EnableNetworkIsolation": False},
}


def with_defaults(operation: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Return the answer of a Describe operation with the members that AWS always sends."""
    completed: dict[str, Any] = _complete(
        {**_MEMBERS.get(operation, {}), **answer}, _NESTED.get(operation, {})
    )
    return completed


def _complete(value: Any, defaults: Any) -> Any:
    if isinstance(defaults, list) and isinstance(value, list):
        return [_complete(item, defaults[0]) for item in value]
    if not isinstance(value, dict) or not isinstance(defaults, dict):
        return value
    completed = dict(value)
    for name, default in defaults.items():
        if name in value:
            completed[name] = _complete(value[name], default)
        elif not default or not isinstance(default, dict | list):
            completed[name] = default
    return completed
