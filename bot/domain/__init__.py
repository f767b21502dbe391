"""The domain model: plain, frozen values without I/O, clock or exchange.

This package imports nothing else from the project.
"""
