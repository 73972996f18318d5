"""DataProcessing: what of a record goes to the container, and what is stored of the record and of the answer.

CSV is rows, each an array to the filters; an answer's columns are joined to the end of its row. JSON is one
value an object, or one a line; the answer is joined to it under SageMakerOutput, and an input that is no JSON
object goes under SageMakerInput beside it.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

from longshore.emulator.faults import Failure
from longshore.emulator.jobs.transform.jsonpath import Path, PathError
from longshore.emulator.jobs.transform.split import Batch, Record

_CSV = ("text/csv", "application/csv")
_LINES = ("application/jsonlines", "application/x-jsonlines", "application/jsonl", "application/x-ndjson")
_JSON = ("application/json",)


class Processing:
    """A job's DataProcessing; ValueError, with a sentence, for a path or a content type that cannot be."""

    def __init__(self, settings: Mapping[str, str], *, content_type: str | None, split: str) -> None:
        self._input = Path(settings.get("InputFilter") or "$")
        self._output = Path(settings.get("OutputFilter") or "$")
        self._joins = settings.get("JoinSource", "None") == "Input"
        self._changes_input = not self._input.is_all
        self._changes_output = self._joins or not self._output.is_all
        media = (content_type or "").partition(";")[0].strip().lower()
        self._is_csv = media in _CSV
        # One value a record where the object is split into lines, or is one document; else one a line.
        self._is_one = split == "Line" or media in _JSON
        if self.changes and media not in _CSV + _LINES + _JSON:
            raise ValueError(
                "DataProcessing needs TransformInput.ContentType to be text/csv, application/json or"
                f" application/jsonlines, not {content_type!r}."
            )
        if self.changes and split not in ("None", "Line"):
            raise ValueError(f"DataProcessing cannot be with SplitType {split}; it needs None or Line.")

    @property
    def changes(self) -> bool:
        """Whether it does anything at all."""
        return self._changes_input or self._changes_output

    @property
    def needs_records(self) -> bool:
        """Whether answer() looks at the records of a batch."""
        return self._changes_output

    def payload(self, record: Record, *, single: bool, name: str) -> bytes:
        """What is sent of a record; single: whether it is all that its request carries."""
        if not self._changes_input:
            return record.bare if single else record.framed
        where = f"{name}, record {record.number}"
        sent = self._write(self._pick(self._input, self._read(record.framed, where), where))
        return sent if record.framed.endswith(b"\n") else sent.removesuffix(b"\n")

    def answer(self, batch: Batch, body: bytes, name: str) -> bytes:
        """What is stored of the answer to a batch; Failure where inputs and answers do not pair off."""
        if not self._changes_output:
            return body
        first = batch.records[0].number
        where = f"{name}, from record {first} on"
        answers = self._read_answers(body, len(batch.records), where)
        if self._joins:
            values = [
                value
                for record in batch.records
                for value in self._read(record.framed, f"{name}, record {record.number}")
            ]
            if len(values) != len(answers):
                raise Failure(
                    f"{where}: {len(values)} records were sent, and {len(answers)} came back; JoinSource"
                    " needs one answer a record."
                )
            answers = [self._join(value, answer) for value, answer in zip(values, answers, strict=True)]
        return self._write(self._pick(self._output, answers, where))

    def _read(self, text: bytes, where: str) -> list[Any]:
        try:
            if self._is_csv:
                return [row for row in csv.reader(io.StringIO(text.decode("utf-8-sig"), newline="")) if row]
            if self._is_one:
                return [json.loads(text)] if text.strip() else []
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        except (ValueError, csv.Error) as error:
            raise Failure(f"{where}: not {'CSV' if self._is_csv else 'JSON'}: {error}.") from None

    def _read_answers(self, body: bytes, records: int, where: str) -> list[Any]:
        where = f"{where}, the container's answer"
        if self._is_csv or not self._is_one or records == 1:
            return self._read(body, where)
        return [value for line in body.splitlines() if line.strip() for value in self._read(line, where)]

    def _join(self, value: Any, answer: Any) -> Any:
        if self._is_csv:
            return [*value, *answer]
        if isinstance(value, dict):
            return {**value, "SageMakerOutput": answer}
        return {"SageMakerInput": value, "SageMakerOutput": answer}

    @staticmethod
    def _pick(path: Path, values: list[Any], where: str) -> list[Any]:
        try:
            return [path.pick(value) for value in values]
        except PathError as error:
            raise Failure(f"{where}: {error}") from None

    def _write(self, values: list[Any]) -> bytes:
        """Rows or lines, each with its end."""
        text = io.StringIO()
        if self._is_csv:
            rows = csv.writer(text, lineterminator="\n")
            rows.writerows(value if isinstance(value, list) else [value] for value in values)
        else:
            for value in values:
                text.write(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")
        return text.getvalue().encode()
