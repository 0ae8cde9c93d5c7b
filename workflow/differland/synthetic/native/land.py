"""Properties that do not change with time: land cover, elevation, forests and soils."""

import math
from pathlib import Path

import numpy as np
import rasterio
from pyhdf.SD import SDC
from rasterio.transform import from_origin

from differland.synthetic.native.hdf4 import new_hdf4
from differland.synthetic.native.netcdf import add_field, new_file
from differland.synthetic.raw import RawPlanet

PIXELS = 5
"""Pixels of 0.05 degree along a cell of 0.25 degree."""

SHARES_OF_CLASSES = {
    "water": {0: 1.0},
    "needleleaf_forest": {1: 0.7, 3: 0.3},
    "evergreen_broadleaf_forest": {2: 1.0},
    "deciduous_broadleaf_forest": {4: 1.0},
    "mixed_forest": {5: 1.0},
    "shrubland": {6: 0.25, 7: 0.75},
    "savanna": {8: 0.5, 9: 0.5},
    "grassland": {10: 1.0},
    "wetland": {11: 1.0},
    "cropland": {12: 0.6, 14: 0.4},
    "nonvegetated": {13: 0.2, 15: 0.3, 16: 0.5},
}
"""How the cover of a type is made up of the classes of the IGBP legend."""

FOREST_TYPES = (
    "needleleaf_forest",
    "deciduous_broadleaf_forest",
    "evergreen_broadleaf_forest",
    "mixed_forest",
)

ELEVATION_PIXELS = 20
"""Of a degree, in place of 120."""

RELIEF = np.array([40, 20, 0, -20, -40])
"""Of the columns of a cell, m."""

TREES_BELOW = 0.95
"""Pixels of a kilometre that has but one tree of four pixels: its 95th percentile."""

TOPSOIL_SURPLUS = 1.1
"""What topsoil has more than the mean of the first metre."""

SHALLOW_SHARE = 0.1
"""Share of the cells whose soil is shallower than 30 cm."""


def spread(values: np.ndarray, times: int) -> np.ndarray:
    """Repeat rows and columns, the last two axes."""
    return values.repeat(times, axis=-2).repeat(times, axis=-1)


def write_land_cover(planet: RawPlanet, folder: Path) -> None:
    """Write MCD12C1 v061: a file a year, whose whole percentages add up to 100 in each pixel."""
    settings = planet.settings
    layers = np.zeros((17, *planet.valid.shape))
    for name, shares in SHARES_OF_CLASSES.items():
        for code, share in shares.items():
            layers[code] = share * planet.cover[name]
    upper = spread(100 * layers.cumsum(axis=0), PIXELS)
    upper[-1] = 100
    # Rounding differs from pixel to pixel and from year to year, so that the mean is as meant.
    row, column = np.indices(upper.shape[1:]) % PIXELS
    phases = settings.years * PIXELS**2
    corners = (
        f"UpperLeftPointMtrs=({_packed(settings.west)},{_packed(settings.north)})",
        f"LowerRightMtrs=({_packed(settings.east)},{_packed(settings.south)})",
    )
    structure = (
        "GROUP=SwathStructure\nEND_GROUP=SwathStructure\nGROUP=GridStructure\n\tGROUP=GRID_1\n"
        f'\t\tGridName="MOD12C1"\n\t\tXDim={upper.shape[2]}\n\t\tYDim={upper.shape[1]}\n'
        f"\t\t{corners[0]}\n\t\t{corners[1]}\n\t\tProjection=GCTP_GEO\n"
        "\tEND_GROUP=GRID_1\nEND_GROUP=GridStructure\nEND\n"
    )
    folder.mkdir(parents=True)
    for number in range(settings.years):
        year = settings.first_year + number
        phase = (PIXELS * ((row * 2 + column) % PIXELS) + row) * settings.years + number
        whole = np.floor(upper + (phase + 0.5) / phases)
        whole[-1] = 100
        percent = np.diff(whole, axis=0, prepend=0).astype(np.uint8)
        with new_hdf4(folder / f"MCD12C1.A{year}001.061.2022146170455.hdf") as file:
            majority = file.create("Majority_Land_Cover_Type_1", SDC.UINT8, percent.shape[1:])
            majority.setcompress(SDC.COMP_DEFLATE, 1)
            majority[:] = percent.argmax(axis=0).astype(np.uint8)
            majority.endaccess()
            stored = file.create("Land_Cover_Type_1_Percent", SDC.UINT8, (*percent.shape[1:], 17))
            for axis, name in enumerate(("YDim", "XDim", "Num_IGBP_Classes")):
                stored.dim(axis).setname(f"{name}:MOD12C1")
            stored.setcompress(SDC.COMP_DEFLATE, 1)
            stored.units = "percent in integers"
            stored.setfillvalue(255)
            stored[:] = np.ascontiguousarray(np.moveaxis(percent, 0, -1))
            stored.endaccess()
            setattr(file, "StructMetadata.0", structure)


def _packed(degrees: int) -> str:
    """Pack an angle as DDDMMMSSS.SS (degrees, minutes, seconds)."""
    return f"{degrees * 1_000_000:.6f}"


def write_elevation(planet: RawPlanet, folder: Path) -> None:
    """Write the tiles of GTOPO30 that the window touches: raw big-endian numbers and headers."""
    settings = planet.settings
    size = ELEVATION_PIXELS // 4
    elevation = spread(planet.static["elevation"], size)
    row, column = np.indices(elevation.shape) % size
    # Rounding differs from pixel to pixel, so that the mean is as meant.
    phase = (size * ((row * 2 + column) % size) + row + 0.5) / size**2
    land = np.floor(elevation + phase).astype(np.int16)
    land += RELIEF.astype(np.int16)[column]
    folder.mkdir(parents=True)
    for north in (90, 40, -10):
        for west in range(-180, 180, 40):
            if not (
                north > settings.south
                and north - 50 < settings.north
                and west < settings.east
                and west + 40 > settings.west
            ):
                continue
            tile = np.full((50 * ELEVATION_PIXELS, 40 * ELEVATION_PIXELS), -9999, ">i2")
            top, left = (
                (north - settings.north) * ELEVATION_PIXELS,
                (settings.west - west) * ELEVATION_PIXELS,
            )
            rows = slice(max(top, 0), min(top + land.shape[0], tile.shape[0]))
            columns = slice(max(left, 0), min(left + land.shape[1], tile.shape[1]))
            tile[rows, columns] = land[
                rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
            ]
            east_west, north_south = "W" if west < 0 else "E", "N" if north > 0 else "S"
            name = f"GT30{east_west}{abs(west):03}{north_south}{abs(north):02}"
            (folder / f"{name}.DEM").write_bytes(tile.tobytes())
            (folder / f"{name}.HDR").write_text(_header(north, west, tile.shape), encoding="ascii")


def _header(north: int, west: int, shape: tuple[int, ...]) -> str:
    half = 0.5 / ELEVATION_PIXELS
    lines = {
        "BYTEORDER": "M",
        "LAYOUT": "BIL",
        "NROWS": f"{shape[0]}",
        "NCOLS": f"{shape[1]}",
        "NBANDS": "1",
        "NBITS": "16",
        "BANDROWBYTES": f"{2 * shape[1]}",
        "TOTALROWBYTES": f"{2 * shape[1]}",
        "BANDGAPBYTES": "0",
        "NODATA": "-9999",
        "ULXMAP": f"{west + half:.14f}",
        "ULYMAP": f"{north - half:.14f}",
        "XDIM": f"{2 * half:.14f}",
        "YDIM": f"{2 * half:.14f}",
    }
    return "".join(f"{name:<15}{value}\r\n" for name, value in lines.items())


def write_forest_age(planet: RawPlanet, folder: Path) -> None:
    """Write ages of forest pixels, NaN without forest, such that cells have the planet's mean.

    Pixels without forest count as one year old in that.
    """
    forest = np.sum([planet.cover[name] for name in FOREST_TYPES], axis=0)
    columns = np.ceil(PIXELS * forest)
    age = np.divide(
        PIXELS * (planet.static["forest_age"] - 1),
        columns,
        out=np.zeros_like(forest),
        where=columns > 0,
    )
    column = np.arange(PIXELS * forest.shape[1]) % PIXELS
    wooded = planet.valid & (planet.static["forest_age"] > 1)
    there = spread(wooded, PIXELS) & (column < spread(columns, PIXELS))
    ages = np.where(there, 1 + spread(age, PIXELS), np.nan)
    axes = {
        "latitude": _centres(planet.settings.north, -0.05, ages.shape[0]),
        "longitude": _centres(planet.settings.west, 0.05, ages.shape[1]),
    }
    with new_file(folder / "202432118501222_BGIForestAgeMPIBGC1.0.0.nc", axes) as file:
        for layer, factor in (("TC000", 0.8), ("TC010", 1.0), ("TC020", 1.1), ("TC030", 1.2)):
            values = (factor * ages).astype(np.float32)
            add_field(file, f"ForestAge_{layer}", ("latitude", "longitude"), values, units="years")
        intensity = np.zeros(ages.shape, np.float32)
        add_field(file, "TCloss_intensity", ("latitude", "longitude"), intensity)


def write_canopy_height(planet: RawPlanet, folder: Path) -> None:
    """Write tiles of 3 degrees with 2 x 2 pixels in a kilometre (30 arc seconds).

    In each cell one kilometre is as high as the cell, and another one has a higher tree in one of
    its pixels only.
    """
    settings = planet.settings
    rng = np.random.default_rng(settings.seed)
    height = planet.static["canopy_height"].astype(np.uint8)
    kilometres = spread(height // 2, 30)
    inside = spread(planet.valid, 30)
    kilometres[inside] = np.floor(kilometres[inside] * rng.uniform(0.4, 1.9, int(inside.sum())))
    kilometres[7::30, 11::30] = height
    kilometres[20::30, 4::30] = 0
    pixels = spread(kilometres, 2)
    pixels[41::60, 8::60] = np.floor(height / (3 * TREES_BELOW - 2))
    pixels[spread(planet.cover["water"] > 0.5, 60)] = 255
    folder.mkdir(parents=True)
    for south in range(3 * math.floor(settings.south / 3), settings.north, 3):
        for west in range(3 * math.floor(settings.west / 3), settings.east, 3):
            tile = np.full((720, 720), 255, np.uint8)
            top, left = 240 * (settings.north - south - 3), 240 * (west - settings.west)
            part = pixels[max(top, 0) : top + 720, max(left, 0) : left + 720]
            down, right = max(-top, 0), max(-left, 0)
            tile[down : down + part.shape[0], right : right + part.shape[1]] = part
            if (tile == 255).all():
                continue
            latitude, longitude = "S" if south < 0 else "N", "W" if west < 0 else "E"
            place = f"{latitude}{abs(south):02}{longitude}{abs(west):03}"
            with rasterio.open(
                folder / f"ETH_GlobalCanopyHeight_10m_2020_{place}_Map.tif",
                "w",
                driver="GTiff",
                count=1,
                height=720,
                width=720,
                dtype="uint8",
                crs="EPSG:4326",
                transform=from_origin(west, south + 3, 1 / 240, 1 / 240),
                nodata=255,
                compress="deflate",
                zlevel=1,
            ) as file:
                file.write(tile, 1)


def write_soil(planet: RawPlanet, folder: Path) -> None:
    """Write HWSD v1.2: two layers of each property, from the south, -1 without soil."""
    rng = np.random.default_rng(planet.settings.seed)
    # Lakes have no soil, and a pixel here and there is rock.
    rock = rng.uniform(size=(planet.valid.shape[0] * PIXELS, planet.valid.shape[1] * PIXELS)) < 0.05
    bare = spread(planet.cover["water"] > 0.5, PIXELS) | rock
    shallow = rng.uniform(size=planet.valid.shape) < SHALLOW_SHARE
    percent = {"SAND": "% weight", "SILT": "% weight", "CLAY": "% weight", "GRAVEL": "% volume"}
    for stem, units in (percent | {"BULK_DEN": "kg/dm3"}).items():
        name = "bulk_density" if stem == "BULK_DEN" else stem.lower()
        mean = planet.static[name]
        topsoil = np.where(shallow, mean, TOPSOIL_SURPLUS * mean)
        subsoil = np.where(shallow, -1, (mean - 0.3 * topsoil) / 0.7)
        for layer, values in (("T", topsoil), ("S", subsoil)):
            _write_soil_layer(planet, folder / f"{layer}_{stem}.nc4", None, values, bare, units)
    carbon = planet.mapped("soil_organic_carbon", 0.0) / 1000
    topsoil = np.where(shallow, carbon, 0.4 * carbon)
    subsoil = np.where(shallow, -1, carbon - topsoil)
    for layer, variable, values in (
        ("T", "SUM_t_c_12", topsoil),
        ("S", "SUM_s_c_1", subsoil),
    ):
        path = folder / f"AWT_{layer}_SOC.nc4"
        _write_soil_layer(planet, path, variable, values, bare, "kg C m-2")


def _write_soil_layer(
    planet: RawPlanet,
    path: Path,
    variable: str | None,
    values: np.ndarray,
    bare: np.ndarray,
    units: str,
) -> None:
    pixels = np.where(bare, -1, spread(values, PIXELS)).astype(np.float32)[::-1]
    axes = {
        "lat": _centres(planet.settings.south, 0.05, pixels.shape[0]),
        "lon": _centres(planet.settings.west, 0.05, pixels.shape[1]),
    }
    with new_file(path, axes) as file:
        add_field(file, variable or path.stem, ("lat", "lon"), pixels, units=units)


def _centres(start: float, step: float, count: int) -> np.ndarray:
    return start + step * (np.arange(count) + 0.5)
