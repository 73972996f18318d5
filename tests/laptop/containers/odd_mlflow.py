#!/usr/bin/env python3
"""Odd, but correct: its JSON errors quote the input and hold a stack trace, like those of MLflow."""

import json

from well_behaved import Container, Refused, main


class MLflow(Container):
    def invocations(self, body, headers):
        try:
            return super().invocations(body, headers)
        except Refused as refused:
            raise Refused(400, f"Failed to parse input: {body[:200]!r} <html>{refused}</html>") from None

    def refusal(self, status, text):
        trace = 'Traceback (most recent call last):\n  File "/opt/mlflow/scoring.py", line 1, in parse\n'
        error = {"error_code": "BAD_REQUEST", "message": text, "stack_trace": trace}
        return "application/json", json.dumps(error).encode()


main(MLflow())
