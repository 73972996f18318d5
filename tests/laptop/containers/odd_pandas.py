#!/usr/bin/env python3
"""Odd, but correct: reads CSV with pandas, and answers 500 to everything that pandas does not accept."""

import io

import pandas
from well_behaved import Container, Refused, main


class Pandas(Container):
    def decode(self, body, content_type):
        if content_type != "text/csv":
            raise Refused(415, "Send text/csv.")
        try:
            rows = pandas.read_csv(io.BytesIO(body), header=None).to_numpy(dtype=float)
        except Exception as error:
            raise Refused(500, "Internal server error") from error
        return rows.tolist(), False

    def parameters(self):
        raise Refused(404, "There are none.")


main(Pandas())
