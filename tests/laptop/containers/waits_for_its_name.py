#!/usr/bin/env python3
"""Waits until its host name resolves, as AWS's sagemaker-training toolkit does. Has no fault."""

import socket
import time

from well_behaved import Container, main


class Waiting(Container):
    def fit(self):
        resources = self.config("resourceconfig")
        assert socket.gethostname() == resources["current_host"], socket.gethostname()
        for host in resources["hosts"]:
            while not self.resolves(host):
                time.sleep(0.05)
        super().fit()

    @staticmethod
    def resolves(host):
        try:
            return socket.gethostbyname(host)
        except OSError:
            return None


main(Waiting())
