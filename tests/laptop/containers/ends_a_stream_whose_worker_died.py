#!/usr/bin/env python3
"""Where its worker has died, half an answer ends like a whole one."""

from well_behaved import main
from well_behaved_stream_worker import Computed, WithWorker
from well_behaved_streams import Streaming


class Neat(Computed):
    end = Streaming.end


class Faulty(WithWorker):
    handler = Neat


main(Faulty())
