"""The classic nginx + gunicorn + Flask container, written afresh to be measured against."""
