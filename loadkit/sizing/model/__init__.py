"""The capacity model: one module an effect, each pure functions of numbers with units, formula and source.

Symbols: W peak bytes a second as sent (after compression) over the whole cluster, RF copies, C groups that read the
tail, n brokers that carry the load (all of them, or those that are left after a failure).
"""
