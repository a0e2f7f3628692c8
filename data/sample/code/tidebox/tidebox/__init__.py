"""Tide heights for people who are already wet."""

__version__ = "2.3.1"
