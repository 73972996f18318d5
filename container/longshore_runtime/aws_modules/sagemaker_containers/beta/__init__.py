"""Only holds `framework`."""
