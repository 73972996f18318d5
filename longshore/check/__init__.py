"""Plays SageMaker against a container and says, rule by rule, what it kept of the contract."""
