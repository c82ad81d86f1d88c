"""Rows of text as a table on the screen."""

from collections.abc import Sequence


def print_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Columns as wide as their widest word; numbers should come as text already."""
    print()
    for line in lines_of_table(head, rows):
        print(line)


def lines_of_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    cells = [list(map(str, head)), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(line[place]) for line in cells) for place in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]
