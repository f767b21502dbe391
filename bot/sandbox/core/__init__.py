"""The venue-neutral exchange: accounts, orders, matching, durable state, faults.

A venue's wire folder turns its requests into calls on `Exchange` and its records into the venue's JSON.
Nothing here knows a venue's field names, error strings or symbols other than BASE-QUOTE.
"""
