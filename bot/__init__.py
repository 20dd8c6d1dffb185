"""The import path of the quick start."""
