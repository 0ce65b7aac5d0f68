"""Makes a ruler on which no two pairs of marks have the same distance."""


def construct(marks: int) -> list[int]:
    """Return the places of the marks, whole numbers from 0 on."""
    places, seen, place = [0], set[int](), 0
    while len(places) < marks:
        place += 1
        distances = {place - other for other in places}
        if not distances & seen:
            seen |= distances
            places.append(place)
    return places
