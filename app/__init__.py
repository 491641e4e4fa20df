"""Earshot."""
