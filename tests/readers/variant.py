"""Reads a VARIANT as Parquet stores it: https://github.com/apache/parquet-format/blob/master/VariantEncoding.md

Python readers hand a VARIANT on as its two binary parts, so a comparison by value needs this.
"""

import datetime
import decimal
import struct
import uuid

EPOCH = datetime.datetime(1970, 1, 1)


def decode(parts):
    """The value of a struct with the fields `metadata` and `value`; None for SQL NULL."""
    if parts is None:
        return None
    return value(parts["value"], 0, dictionary(parts["metadata"]))


def unsigned(data, at, size):
    return int.from_bytes(data[at : at + size], "little")


def dictionary(metadata):
    """The names of all fields, in the order of their ids."""
    size = (metadata[0] >> 6) + 1
    count = unsigned(metadata, 1, size)
    offsets = [unsigned(metadata, 1 + size * (1 + i), size) for i in range(count + 1)]
    strings = 1 + size * (count + 2)
    return [metadata[strings + a : strings + b].decode() for a, b in zip(offsets, offsets[1:])]


def value(data, at, names):
    basic, header = data[at] & 3, data[at] >> 2
    if basic == 0:
        return primitive(data, at + 1, header)
    if basic == 1:
        return data[at + 1 : at + 1 + header].decode()
    if basic == 2:
        return fields(data, at + 1, header, names)
    return elements(data, at + 1, header, names)


def fields(data, at, header, names):
    offset_size, id_size = (header & 3) + 1, (header >> 2 & 3) + 1
    count_size = 4 if header >> 4 & 1 else 1
    count = unsigned(data, at, count_size)
    ids = at + count_size
    offsets = ids + count * id_size
    start = offsets + (count + 1) * offset_size
    return {
        names[unsigned(data, ids + i * id_size, id_size)]: value(
            data, start + unsigned(data, offsets + i * offset_size, offset_size), names
        )
        for i in range(count)
    }


def elements(data, at, header, names):
    offset_size = (header & 3) + 1
    count_size = 4 if header >> 2 & 1 else 1
    count = unsigned(data, at, count_size)
    offsets = at + count_size
    start = offsets + (count + 1) * offset_size
    return [value(data, start + unsigned(data, offsets + i * offset_size, offset_size), names) for i in range(count)]


def scaled(data, at, size):
    number = int.from_bytes(data[at + 1 : at + 1 + size], "little", signed=True)
    return decimal.Decimal(number).scaleb(-data[at])


def sized(data, at):
    return bytes(data[at + 4 : at + 4 + unsigned(data, at, 4)])


def micros(data, at):
    return EPOCH + datetime.timedelta(microseconds=struct.unpack_from("<q", data, at)[0])


def primitive(data, at, kind):
    readers = {
        0: lambda: None,
        1: lambda: True,
        2: lambda: False,
        3: lambda: struct.unpack_from("<b", data, at)[0],
        4: lambda: struct.unpack_from("<h", data, at)[0],
        5: lambda: struct.unpack_from("<i", data, at)[0],
        6: lambda: struct.unpack_from("<q", data, at)[0],
        7: lambda: struct.unpack_from("<d", data, at)[0],
        8: lambda: scaled(data, at, 4),
        9: lambda: scaled(data, at, 8),
        10: lambda: scaled(data, at, 16),
        11: lambda: EPOCH.date() + datetime.timedelta(days=struct.unpack_from("<i", data, at)[0]),
        12: lambda: micros(data, at),
        13: lambda: micros(data, at),
        14: lambda: struct.unpack_from("<f", data, at)[0],
        15: lambda: sized(data, at),
        16: lambda: sized(data, at).decode(),
        20: lambda: uuid.UUID(bytes=bytes(data[at : at + 16])),
    }
    if kind not in readers:
        raise ValueError(f"a VARIANT of primitive type {kind} is not JSON")
    return readers[kind]()
