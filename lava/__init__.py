"""Wiring and nothing else."""

from lava.celery import app as celery_app

__all__ = ["celery_app"]
