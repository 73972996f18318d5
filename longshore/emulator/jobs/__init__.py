"""Training, batch transform and processing: jobs that start containers, and end."""
