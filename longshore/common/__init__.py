"""Shared by the laptop's commands."""
