"""What an operator sees of the daemon: log, alarms, notices, heartbeat, status.

This room never decides about money and never raises into trading.
"""
