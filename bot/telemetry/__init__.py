"""Everything an operator sees of the daemon: log, alarms, messages, heartbeat, status.

This room makes no decisions about money, and never raises into trading.
"""
