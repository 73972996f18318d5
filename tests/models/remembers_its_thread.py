"""Sets everything that belongs to a thread or a context while it is imported and loaded, and looks later."""

import asyncio
import contextvars
import decimal
import signal
import sqlite3
import threading

import numpy as np
import sklearn
from sklearn.preprocessing import StandardScaler

VARIABLE = contextvars.ContextVar("variable", default="unset")
LOCAL = threading.local()

sklearn.set_config(transform_output="pandas")
decimal.getcontext().prec = 50
np.seterr(divide="raise")
VARIABLE.set("set")
LOCAL.value = "set"


def load(model_dir):
    database = sqlite3.connect(":memory:")
    database.execute("create table t (v real)")
    database.execute("insert into t values (1.5)")
    return {"scaler": StandardScaler().fit(np.eye(2)), "database": database, "thread": threading.get_ident()}


def divides():
    try:
        return float(np.float64(1) / np.float64(0))
    except FloatingPointError:
        return "raises"


async def two():
    return 2


def alarm():
    caught = []
    before = signal.signal(signal.SIGALRM, lambda number, _: caught.append(number))
    signal.raise_signal(signal.SIGALRM)
    signal.signal(signal.SIGALRM, before)
    return len(caught)


def context():
    """What a copy of the load's context has."""
    return {"decimal": str(decimal.Decimal(1) / 3), "variable": VARIABLE.get()}


def seen(model):
    return context() | {
        "sklearn": type(model["scaler"].transform(np.eye(2))).__name__,
        "numpy": divides(),
        "local": getattr(LOCAL, "value", "unset"),
        "sqlite": model["database"].execute("select v from t").fetchone()[0],
        "asyncio": asyncio.run(two()),
        "alarm": alarm(),
        "same thread": threading.get_ident() == model["thread"],
    }


def predict(model, data):
    return context() if data == {"what": "context"} else seen(model)
