"""Kraken's spot REST API, version 0, over the sandbox's core.

Written from Kraken's public API documentation. What it leaves open is a switch (`switches.py`).
"""
