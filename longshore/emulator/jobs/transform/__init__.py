"""Batch transform (C): an object of S3 becomes requests to a container, their answers one object."""
