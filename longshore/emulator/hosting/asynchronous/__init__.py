"""Asynchronous endpoints (B6): input from S3, a queue, output to S3, and a notice of it by SNS."""
