"""As multi-model-server's."""
