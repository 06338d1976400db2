"""Why something is not accepted."""


class Rejected(Exception):
    """A check failed: the message says which one."""


def require(condition: bool, reason: str) -> None:
    """Rejects unless the condition holds."""
    if not condition:
        raise Rejected(reason)
