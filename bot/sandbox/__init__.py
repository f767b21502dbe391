"""The local exchanges: play money behind the venues' real wire formats.

Written from the venues' public documentation and from nothing of the trader: this package imports no other
package of the project, so that one misunderstanding cannot hide on both sides of the wire.
"""
