"""Starts a thread when it is imported, and needs it for every answer: after a fork it would be gone."""

import queue
import threading

questions: queue.Queue = queue.Queue()
answers: queue.Queue = queue.Queue()


def work():
    while True:
        answers.put(questions.get() * 2)


threading.Thread(target=work, daemon=True).start()


def load(model_dir):
    return None


def predict(model, data):
    questions.put(data)
    return answers.get(timeout=5)
