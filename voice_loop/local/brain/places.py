"""What time it is in a city or a country, from the machine's own time zones. Pure but for those."""

from __future__ import annotations

import functools
import zoneinfo
from datetime import datetime
from typing import Final

_ZONES: Final = {
    "boston": "America/New_York",
    "washington": "America/New_York",
    "miami": "America/New_York",
    "san francisco": "America/Los_Angeles",
    "seattle": "America/Los_Angeles",
    "california": "America/Los_Angeles",
    "texas": "America/Chicago",
    "houston": "America/Chicago",
    "dallas": "America/Chicago",
    "atlanta": "America/New_York",
    "philadelphia": "America/New_York",
    "las vegas": "America/Los_Angeles",
    "hawaii": "Pacific/Honolulu",
    "montreal": "America/Toronto",
    "rio": "America/Sao_Paulo",
    "mumbai": "Asia/Kolkata",
    "delhi": "Asia/Kolkata",
    "new delhi": "Asia/Kolkata",
    "bangalore": "Asia/Kolkata",
    "india": "Asia/Kolkata",
    "beijing": "Asia/Shanghai",
    "china": "Asia/Shanghai",
    "korea": "Asia/Seoul",
    "south korea": "Asia/Seoul",
    "japan": "Asia/Tokyo",
    "germany": "Europe/Berlin",
    "munich": "Europe/Berlin",
    "hamburg": "Europe/Berlin",
    "france": "Europe/Paris",
    "england": "Europe/London",
    "scotland": "Europe/London",
    "uk": "Europe/London",
    "ireland": "Europe/Dublin",
    "spain": "Europe/Madrid",
    "barcelona": "Europe/Madrid",
    "italy": "Europe/Rome",
    "milan": "Europe/Rome",
    "austria": "Europe/Vienna",
    "switzerland": "Europe/Zurich",
    "geneva": "Europe/Zurich",
    "netherlands": "Europe/Amsterdam",
    "belgium": "Europe/Brussels",
    "poland": "Europe/Warsaw",
    "sweden": "Europe/Stockholm",
    "norway": "Europe/Oslo",
    "denmark": "Europe/Copenhagen",
    "finland": "Europe/Helsinki",
    "greece": "Europe/Athens",
    "turkey": "Europe/Istanbul",
    "ukraine": "Europe/Kyiv",
    "new zealand": "Pacific/Auckland",
}
_NOT_PLACES: Final = frozenset({"etc", "systemv", "us", "posix", "right"})


@functools.cache
def _cities() -> dict[str, str]:
    """`los angeles` to `America/Los_Angeles`; empty where the machine has no time zones."""
    zones = (zone for zone in sorted(zoneinfo.available_timezones()) if "/" in zone)
    return {
        zone.rsplit("/", 1)[1].replace("_", " ").lower(): zone
        for zone in zones
        if zone.split("/", 1)[0].lower() not in _NOT_PLACES
    }


def zone_of(place: str) -> str | None:
    """Name of the time zone of a city or a country that has one alone; None for any other."""
    name = place.lower().strip().removeprefix("the ")
    return _ZONES.get(name) or _cities().get(name)


def there(place: str, now: datetime) -> datetime | None:
    """The time of `now` at a place; None for one that is not known here."""
    zone = zone_of(place)
    if zone is None:
        return None
    try:
        return now.astimezone(zoneinfo.ZoneInfo(zone))
    except zoneinfo.ZoneInfoNotFoundError:
        return None
