"""Sizes as they are written on the command line and in tables."""


def size(text):
    factor = 1
    for suffix, value in (("KiB", 1024), ("MiB", 1024 * 1024)):
        if text.endswith(suffix):
            text, factor = text[:-3], value
    return int(text) * factor


def sizes(text):
    return [size(word) for word in text.split(",")]


def size_name(value):
    for suffix, factor in (("MiB", 1024 * 1024), ("KiB", 1024)):
        if value >= factor and value % factor == 0:
            return f"{value // factor} {suffix}"
    return f"{value:,} B"
