"""Why something is not accepted."""


class Rejected(Exception):
    """A check failed: the message says which one."""


def require(condition: bool, reason: str) -> None:
    """Rejects unless the condition holds."""
    if not condition:
        raise Rejected(reason)


def within(field: str, lowest: float, highest: float, value: float) -> None:
    """Rejects a value outside of a range."""
    require(lowest <= value <= highest, f"{field}: {value} is not in {lowest} … {highest}")
