"""The engine: decides, executes, reconciles, finds lost orders, protects positions and enforces limits. It is independent of any
exchange and database.

It works with a `BaseBroker` and a `Book`; `broker_trader` supplies the real ones.
"""
