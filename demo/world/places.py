"""Cities of Korea, and how far they lie apart."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from demo.world.draws import Floats

EARTH_RADIUS_KM = 6371.0088


class City(NamedTuple):
    """A city: degrees, and people in thousands."""

    name: str
    latitude: float
    longitude: float
    people: int


CITIES = (
    City("Seoul", 37.5665, 126.9780, 9_400),
    City("Busan", 35.1796, 129.0756, 3_300),
    City("Daegu", 35.8714, 128.6014, 2_370),
    City("Incheon", 37.4563, 126.7052, 3_000),
    City("Gwangju", 35.1595, 126.8526, 1_420),
    City("Daejeon", 36.3504, 127.3845, 1_440),
    City("Suwon", 37.2636, 127.0286, 1_190),
    City("Ulsan", 35.5384, 129.3114, 1_100),
    City("Changwon", 35.2280, 128.6811, 1_010),
    City("Cheongju", 36.6424, 127.4890, 850),
    City("Jeonju", 35.8242, 127.1480, 640),
    City("Jeju", 33.4996, 126.5312, 490),
    City("Cheonan", 36.8151, 127.1139, 650),
    City("Seongnam", 37.4200, 127.1265, 920),
    City("Pohang", 36.0190, 129.3435, 490),
    City("Chuncheon", 37.8813, 127.7298, 285),
    City("Yeosu", 34.7604, 127.6622, 270),
    City("Gangneung", 37.7519, 128.8761, 210),
)
"""Any first two or more of them lie far apart, so that every home has a far city."""


def haversine(
    latitude: Floats, longitude: Floats, other_latitude: Floats, other_longitude: Floats
) -> Floats:
    """Great-circle distance in kilometres between points in degrees."""
    north, east = np.radians(latitude), np.radians(longitude)
    other_north, other_east = np.radians(other_latitude), np.radians(other_longitude)
    chord = (
        np.sin((other_north - north) / 2) ** 2
        + np.cos(north) * np.cos(other_north) * np.sin((other_east - east) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(chord))


def distances(cities: int) -> Floats:
    """[cities, cities], kilometres between the first cities."""
    latitude = np.array([city.latitude for city in CITIES[:cities]])
    longitude = np.array([city.longitude for city in CITIES[:cities]])
    return haversine(latitude[:, None], longitude[:, None], latitude[None], longitude[None])
