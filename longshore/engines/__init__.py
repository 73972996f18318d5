"""What really runs a container: Docker, or the checkout as processes of this machine."""
