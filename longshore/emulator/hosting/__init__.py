"""Endpoints: their containers, their updates, and the invocations that reach them."""
