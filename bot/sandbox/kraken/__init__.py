"""Kraken's spot REST API, version 0, on top of the sandbox's core.

Written from Kraken's public API documentation. What the documentation leaves open is a switch (`switches.py`).
"""
