"""SageMaker on this machine: AWS's API on loopback, and containers that really run."""
