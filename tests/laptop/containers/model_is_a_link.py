#!/usr/bin/env python3
"""What its training leaves in /opt/ml/model is a link."""

from well_behaved import ML, Container, main


class Faulty(Container):
    def save(self, model):
        super().save(model)
        (ML / "model" / "latest.json").symlink_to("model.json")


main(Faulty())
