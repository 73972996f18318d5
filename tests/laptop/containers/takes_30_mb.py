#!/usr/bin/env python3
"""Refuses bodies of more than 30 MB: a batch may have 100."""

from well_behaved import Container, main


class Faulty(Container):
    max_body = 30 * 2**20


main(Faulty())
