"""OKX's v5 REST API over the sandbox's core, written from its public documentation.

Owns OKX's words, shapes, error codes, limits and order of checks; never a rule of matching or money.
"""
