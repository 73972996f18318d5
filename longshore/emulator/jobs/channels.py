"""Training's channels (D3, D5): what of each a host gets, as files or as FIFOs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longshore.emulator.books import Books
from longshore.emulator.faults import AwsError
from longshore.emulator.jobs import inputs
from longshore.emulator.jobs.control import Control
from longshore.emulator.jobs.pipes import Pipe, augmented_records
from longshore.emulator.s3_uri import parse_s3_uri


@dataclass(frozen=True)
class Channel:
    """One of InputDataConfig, what it leaves out filled in. groups: whose hosts get it; empty for all."""

    name: str
    mode: str
    data_type: str
    uri: str
    distribution: str
    compression: str
    wrapper: str
    content_type: str | None
    seed: int | None
    attributes: tuple[str, ...]
    groups: tuple[str, ...]

    def config(self) -> dict[str, str]:
        """Its part of inputdataconfig.json. What FastFile gives is files, and the container is told so."""
        told = {
            "TrainingInputMode": "File" if self.mode == "FastFile" else self.mode,
            "S3DistributionType": self.distribution,
            "RecordWrapperType": self.wrapper,
        }
        return told if self.content_type is None else {**told, "ContentType": self.content_type}


def parse(request: Mapping[str, Any]) -> list[Channel]:
    """The channels of a CreateTrainingJob; AwsError for what cannot go together."""
    default = request["AlgorithmSpecification"]["TrainingInputMode"]
    channels = [_parse(channel, default) for channel in request.get("InputDataConfig", [])]
    names = [channel.name for channel in channels]
    if twice := {name for name in names if names.count(name) > 1}:
        raise AwsError("ValidationException", f"Duplicate channel names: {', '.join(sorted(twice))}.")
    return channels


def _parse(given: Mapping[str, Any], default_mode: str) -> Channel:
    name = given["ChannelName"]
    source = inputs.s3_data_source(given, f"Channel {name}")
    channel = Channel(
        name=name,
        mode=given.get("InputMode", default_mode),
        data_type=source["S3DataType"],
        uri=source["S3Uri"],
        distribution=source.get("S3DataDistributionType", "FullyReplicated"),
        compression=given.get("CompressionType", "None"),
        wrapper=given.get("RecordWrapperType", "None"),
        content_type=given.get("ContentType"),
        seed=given.get("ShuffleConfig", {}).get("Seed"),
        attributes=tuple(source.get("AttributeNames", ())),
        groups=tuple(source.get("InstanceGroupNames", ())),
    )
    if channel.data_type not in ("S3Prefix", "ManifestFile", "AugmentedManifestFile"):
        raise AwsError(
            "ValidationException", f"Channel {name}: the emulator has no {channel.data_type} data."
        )
    if channel.mode != "Pipe":
        if channel.data_type == "AugmentedManifestFile":
            raise AwsError(
                "ValidationException", f"Channel {name}: AugmentedManifestFile needs input mode Pipe."
            )
        if channel.compression != "None" or channel.wrapper != "None":
            raise AwsError(
                "ValidationException",
                f"Channel {name}: CompressionType and RecordWrapperType are for input mode Pipe alone.",
            )
    elif channel.data_type == "AugmentedManifestFile" and not channel.attributes:
        raise AwsError("ValidationException", f"Channel {name}: AugmentedManifestFile needs AttributeNames.")
    return channel


def prepare(
    books: Books, channel: Channel, folder: Path, index: int, hosts: int, control: Control
) -> Pipe | None:
    """Lay one host's part of a channel out in `folder`, input/data; its pipe, to be started, if it is one."""
    target = folder / channel.name
    if channel.data_type == "AugmentedManifestFile":
        lines = augmented_records(books, parse_s3_uri(channel.uri), channel.attributes)
        mine = inputs.share(lines, channel.distribution, index, hosts)
        return Pipe(
            books, target, [], channel.compression, channel.wrapper, channel.seed, control.break_off, mine
        )
    found = inputs.share(
        inputs.sources(books, channel.data_type, channel.uri), channel.distribution, index, hosts
    )
    if channel.mode == "Pipe":
        return Pipe(
            books, target, found, channel.compression, channel.wrapper, channel.seed, control.break_off
        )
    inputs.lay_out(books, found, target, control.check)
    return None
