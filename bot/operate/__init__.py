"""What an operator sees of the daemon: log, health, notices, metrics, status.

These rooms tell; they never decide about money and never raise into trading.
"""
