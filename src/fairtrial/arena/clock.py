"""The time, as records hold it. Read `now` first."""

from datetime import UTC, datetime, timedelta


def now(*, hours: float = 0.0) -> str:
    """UTC now, or so many hours from now, as ISO 8601 to the millisecond; such texts sort by time."""
    moment = datetime.now(UTC) + timedelta(hours=hours)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def milliseconds(start: str, end: str) -> int:
    """From one record's time to another's."""
    return round((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() * 1000)
