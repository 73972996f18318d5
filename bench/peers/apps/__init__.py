"""The same models, written for each of the other servers in its own way."""
