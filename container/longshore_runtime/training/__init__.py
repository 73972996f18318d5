"""The train entry: job.run() trains in a child process, and tells the truth about how it ended."""
