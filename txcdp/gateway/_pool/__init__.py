"""Browsers that run, kept ready, checked and replaced."""
