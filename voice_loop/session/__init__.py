"""A conversation between one page and one provider: rules, ledgers, and the task group around them.

Knows `providers.base` only, never a concrete provider; knows no ASGI and no Reflex.
"""
