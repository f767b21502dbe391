"""The engine: decide, execute, reconcile, find lost orders, protect, and the limits. It knows no venue and no database.

It speaks to a `BaseBroker` and to a `Book`; `broker_trader` brings the real ones together.
"""
