"""Classic NetCDF files: check that all bytes are there that their header promises.

The NetCDF library reads what is cut off as zeros. The layout is that of the NetCDF user's guide
(file format specifications: CDF-1, CDF-2 and CDF-5).
"""

import io
import math
import struct
from pathlib import Path
from typing import BinaryIO

from differland.errors import InputError

OFFSET_SIZES = {1: 4, 2: 8, 5: 8}
"""Bytes of the place of a variable, by the version of the format."""

COUNT_SIZES = {1: 4, 2: 4, 5: 8}
"""Bytes of a count, by the version of the format."""

TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 8, 7: 1, 8: 2, 9: 4, 10: 8, 11: 8}
"""Bytes of a value, by the number of its type."""


def check_whole(file: object, content: bytes | None = None) -> None:
    """Refuse a classic NetCDF file that breaks off; others are left to the library.

    Parameters
    ----------
    file
        Path of the file; for messages only where `content` is given.
    content
        Bytes of a file in memory.

    Raises
    ------
    InputError
        The file has fewer bytes than its header says, its header breaks off, or says nothing of
        the number of records, for which the library takes four billion of zeros.
    """
    with io.BytesIO(content) if content is not None else Path(str(file)).open("rb") as stream:
        magic = stream.read(4)
        if magic[:3] != b"CDF" or len(magic) < 4 or magic[3] not in COUNT_SIZES:
            return
        try:
            header = _Header(stream, magic[3])
            needed = header.needed_bytes()
        except (struct.error, KeyError, IndexError, OverflowError, ValueError, OSError) as error:
            found = f"a header that breaks off ({error})"
            raise InputError(file, "file", "a complete NetCDF file", found) from error
        size = stream.seek(0, io.SEEK_END)
    if header.unfinished:
        found = "no number of records in its header"
        raise InputError(file, "file", "a complete NetCDF file", found)
    if size < needed:
        found = f"{size} bytes, fewer than the {needed} that its header says"
        raise InputError(file, "file", "a complete NetCDF file", found)


class _Header:
    """Reader of the header of a classic file, after its first 4 bytes."""

    def __init__(self, stream: BinaryIO, version: int) -> None:
        self.stream = stream
        self.count_size = COUNT_SIZES[version]
        self.offset_size = OFFSET_SIZES[version]
        self.unfinished = False

    def needed_bytes(self) -> int:
        """Bytes up to the end of the last value."""
        records = self._number(self.count_size)
        lengths = [self._dimension() for _ in range(self._list_size())]
        self._skip_attributes()
        variables = [self._variable(lengths) for _ in range(self._list_size())]
        fixed = [begin + size for begin, size, of_records in variables if not of_records]
        of_records = [(begin, size) for begin, size, of_records in variables if of_records]
        self.unfinished = bool(of_records) and records == 256**self.count_size - 1
        ends = fixed
        if of_records and records and not self.unfinished:
            # A single variable of records is not padded.
            step = (
                of_records[0][1]
                if len(of_records) == 1
                else sum(_padded(size) for _, size in of_records)
            )
            ends = fixed + [begin + (records - 1) * step + size for begin, size in of_records]
        return max(ends, default=0)

    def _number(self, size: int) -> int:
        (number,) = struct.unpack(">I" if size == 4 else ">Q", self.stream.read(size))
        return int(number)

    def _list_size(self) -> int:
        self._number(4)  # what the list is of
        return self._number(self.count_size)

    def _skip(self, size: int) -> None:
        self.stream.seek(_padded(size), io.SEEK_CUR)

    def _dimension(self) -> int:
        self._skip(self._number(self.count_size))
        return self._number(self.count_size)

    def _skip_attributes(self) -> None:
        for _ in range(self._list_size()):
            self._skip(self._number(self.count_size))
            value_size = TYPE_SIZES[self._number(4)]
            self._skip(value_size * self._number(self.count_size))

    def _variable(self, lengths: list[int]) -> tuple[int, int, bool]:
        """Offset and size (of a record) of a variable, bytes, and whether it is one of records."""
        self._skip(self._number(self.count_size))
        count = self._number(self.count_size)
        shape = [lengths[self._number(self.count_size)] for _ in range(count)]
        self._skip_attributes()
        value_size = TYPE_SIZES[self._number(4)]
        self._number(self.count_size)  # its padded bytes, which overflow where they are many
        begin = self._number(self.offset_size)
        of_records = bool(shape) and shape[0] == 0
        return begin, value_size * math.prod(shape[of_records:]), of_records


def _padded(size: int) -> int:
    return -(-size // 4) * 4
