"""Cities and countries that people ask the time of, with their IANA time zones."""

from __future__ import annotations

import re

# Only names that are not also common English words, since lower case is accepted too.
_TABLE = """
Africa/Cairo: cairo, egypt
Africa/Johannesburg: johannesburg, cape town, south africa
Africa/Lagos: lagos, nigeria
Africa/Nairobi: nairobi, kenya
Africa/Casablanca: casablanca, morocco
Africa/Accra: accra, ghana
Africa/Addis_Ababa: addis ababa, ethiopia
America/New_York: new york, new york city, nyc, boston, washington, miami, atlanta, philadelphia
America/Chicago: chicago, houston, dallas, austin, minneapolis
America/Denver: denver, salt lake city
America/Phoenix: phoenix
America/Los_Angeles: los angeles, san francisco, seattle, san diego, las vegas, california
America/Anchorage: anchorage, alaska
Pacific/Honolulu: honolulu, hawaii
America/Toronto: toronto, montreal, ottawa
America/Vancouver: vancouver
America/Mexico_City: mexico city, mexico
America/Bogota: bogota, bogotá, colombia
America/Lima: lima, peru
America/Santiago: santiago, chile
America/Argentina/Buenos_Aires: buenos aires, argentina
America/Sao_Paulo: sao paulo, são paulo, rio de janeiro, rio, brazil
America/Caracas: caracas, venezuela
America/Havana: havana, cuba
Asia/Tokyo: tokyo, osaka, kyoto, japan
Asia/Seoul: seoul, south korea, korea
Asia/Shanghai: shanghai, beijing, shenzhen, china
Asia/Hong_Kong: hong kong
Asia/Taipei: taipei, taiwan
Asia/Singapore: singapore
Asia/Kuala_Lumpur: kuala lumpur, malaysia
Asia/Bangkok: bangkok, thailand
Asia/Jakarta: jakarta, indonesia
Asia/Manila: manila, philippines
Asia/Ho_Chi_Minh: ho chi minh city, hanoi, saigon, vietnam
Asia/Kolkata: mumbai, delhi, new delhi, bangalore, bengaluru, kolkata, chennai, india
Asia/Karachi: karachi, islamabad, pakistan
Asia/Dhaka: dhaka, bangladesh
Asia/Kathmandu: kathmandu, nepal
Asia/Dubai: dubai, abu dhabi
Asia/Riyadh: riyadh, saudi arabia
Asia/Tehran: tehran, iran
Asia/Baghdad: baghdad, iraq
Asia/Jerusalem: jerusalem, tel aviv, israel
Asia/Almaty: almaty, kazakhstan
Asia/Tashkent: tashkent, uzbekistan
Australia/Sydney: sydney, canberra
Australia/Melbourne: melbourne
Australia/Brisbane: brisbane
Australia/Adelaide: adelaide
Australia/Perth: perth
Pacific/Auckland: auckland, wellington, new zealand
Europe/London: london, edinburgh, manchester, united kingdom, england, scotland
Europe/Dublin: dublin, ireland
Europe/Lisbon: lisbon, portugal
Europe/Madrid: madrid, barcelona, spain
Europe/Paris: paris, lyon, marseille, france
Europe/Brussels: brussels, belgium
Europe/Amsterdam: amsterdam, rotterdam, netherlands
Europe/Berlin: berlin, hamburg, munich, frankfurt, cologne, germany
Europe/Zurich: zurich, zürich, geneva, switzerland
Europe/Vienna: vienna, austria
Europe/Rome: rome, milan, naples, italy
Europe/Prague: prague, czechia
Europe/Warsaw: warsaw, krakow, poland
Europe/Budapest: budapest, hungary
Europe/Bucharest: bucharest, romania
Europe/Sofia: sofia, bulgaria
Europe/Athens: athens, greece
Europe/Istanbul: istanbul, ankara
Europe/Kyiv: kyiv, kiev, ukraine
Europe/Moscow: moscow, saint petersburg, russia
Europe/Stockholm: stockholm, sweden
Europe/Oslo: oslo, norway
Europe/Copenhagen: copenhagen, denmark
Europe/Helsinki: helsinki, finland
Europe/Belgrade: belgrade, serbia
Europe/Zagreb: zagreb, croatia
Europe/Tallinn: tallinn, estonia
Europe/Riga: riga, latvia
Europe/Vilnius: vilnius, lithuania
Atlantic/Reykjavik: reykjavik, iceland
UTC: utc, gmt, greenwich
"""
ZONE_BY_PLACE: dict[str, str] = {
    place.strip(): zone
    for zone, _, places in (line.partition(": ") for line in _TABLE.strip().splitlines())
    for place in places.split(",")
}
_AREAS = "Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Etc|Europe|Indian|Pacific"
_LITERAL = rf"\b(?:{_AREAS})/[A-Za-z_+\-0-9]+(?:/[A-Za-z_]+)?\b"
_PLACES = "|".join(re.escape(place) for place in sorted(ZONE_BY_PLACE, key=len, reverse=True))
_ZONE = re.compile(rf"(?P<literal>{_LITERAL})|(?<![\w/])(?P<place>(?i:{_PLACES}))(?![\w/])")


def find_zones(text: str) -> list[tuple[int, int, str]]:
    """Places and literal IANA names in a text as (start, end, zone), in order."""
    return [
        (found.start(), found.end(), found["literal"] or ZONE_BY_PLACE[found["place"].lower()])
        for found in _ZONE.finditer(text)
    ]
