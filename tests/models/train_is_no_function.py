"""train is a value."""

train = 5
