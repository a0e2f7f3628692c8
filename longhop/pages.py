r"""Single texts out of a table of documents: which page of it each lies in, and what pages hold.

    >>> with Path("part-00000.parquet").open("rb") as file:
    ...     places = pages_of(file)
    >>> places.to_pylist()[0]
    {'document_id': '0a4f…', 'kind': 'book', …, 'n_tokens': 4711, 'page': 960, 'page_bytes': 9524}
    >>> texts([data[960 : 960 + 9524]], rows=1)
    ['The harbour of Marrow Bay…']

Contexts take a few documents of each of many tables. Parquet lets a reader choose row groups; groups of single
documents would make footers a tenth of a table, and reading many of them slow. Within a group a column lies in pages,
each compressed for itself, and a column is nothing but its pages one behind another. So where the page of each text
begins stands once more in a small table beside that of the documents, and pages of any tables, put together behind each
other, are read as the one column of one table.

A page ends with the document that fills it (`WRITING`), so that nothing else is read with a long one. The format:
https://parquet.apache.org/docs/file-format/.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import thriftpy2
from thriftpy2.protocol import TCompactProtocolFactory
from thriftpy2.transport import TMemoryBuffer

from longhop.records import DocumentText

__all__ = ["ABOUT", "WRITING", "pages_of", "texts"]

ABOUT = tuple(name for name in DocumentText.__struct_fields__ if name != "text")
"""Columns of a table of documents that are told beside the place of each text."""
WRITING = {
    "compression": "zstd",
    "use_dictionary": False,
    "write_batch_size": 1,
    "data_page_size": 2 * 1024,
    "write_page_checksum": True,
}
"""How pyarrow writes a table whose texts can be found: whether a page is full is looked at behind each row. A page that
changed is told by its checksum, since nothing else that is read says what it held.

Smaller pages compress worse; in larger ones more short texts stand before a long one and are read with it in vain.
"""

_MAGIC = b"PAR1"
_LONGEST_HEADER = 256
"""Bytes of a page's header, without statistics some 30."""
# Numbers of the format.
_DATA_PAGE = 0
_BYTE_ARRAY, _UTF8, _OPTIONAL = 6, 0, 1
_PLAIN, _RLE = 0, 3
_ZSTD = 6


@cache
def _format() -> Any:
    return thriftpy2.load(str(Path(__file__).with_name("parquet.thrift")), module_name="longhop_parquet_thrift")


def pages_of(file: BinaryIO) -> pa.Table:
    """Where the texts of a table of documents lie.

    Args:
        file: The table, open for reading at any place.

    Returns:
        For each document, in the table's order, `ABOUT`, then where the page with its text begins and how many bytes it
        has, its header included; documents whose texts share a page stand behind one another.

    Raises:
        pyarrow.ArrowInvalid: The file is no such table.
        OSError: It cannot be read.
    """
    table = pq.ParquetFile(file)
    about = table.read(columns=list(ABOUT), use_threads=False)
    column = table.schema_arrow.names.index("text")  # the columns before it have no parts of their own
    begins: list[int] = []
    sizes: list[int] = []
    for number in range(table.num_row_groups):
        chunk = table.metadata.row_group(number).column(column)
        place, end = chunk.data_page_offset, chunk.data_page_offset + chunk.total_compressed_size
        while place < end:
            file.seek(place)
            rows, size = _page(file.read(_LONGEST_HEADER))
            if place + size > end or len(begins) + rows > table.metadata.num_rows:
                raise pa.ArrowInvalid(f"its page at {place} goes beyond its column")
            begins += [place] * rows
            sizes += [size] * rows
            place += size
    if len(begins) != table.metadata.num_rows:
        raise pa.ArrowInvalid(f"pages with {len(begins)} texts for {table.metadata.num_rows} documents")
    return about.append_column("page", [begins]).append_column("page_bytes", [sizes])


def _page(data: bytes) -> tuple[int, int]:
    """Rows of the page whose header `data` begins with, and its bytes with the header."""
    stream = TMemoryBuffer(data)
    header = _format().PageHeader()
    try:
        header.read(TCompactProtocolFactory().get_protocol(stream))
        rows, size = header.data_page_header.num_values, header.compressed_page_size
        sound = header.type == _DATA_PAGE and min(rows, size) > 0
    except Exception as error:  # the library raises whatever comes of bytes that are no header
        raise pa.ArrowInvalid(f"no header of a page where one is expected ({error!r})") from error
    if not sound:
        raise pa.ArrowInvalid(f"a page of type {header.type}, {rows} rows and {size} bytes where texts are expected")
    return rows, len(data) - len(stream.read(len(data))) + size


def texts(pages: Sequence[bytes], rows: int) -> list[str]:
    """The texts that pages hold, one behind another.

    Args:
        pages: Whole pages of one table or of several.
        rows: How many texts they hold together.

    Raises:
        pyarrow.ArrowInvalid: They are no such pages.
        OSError: The same.
    """
    footer = _footer(rows, sum(map(len, pages)))
    file = b"".join([_MAGIC, *pages, footer, len(footer).to_bytes(4, "little"), _MAGIC])
    table = pq.ParquetFile(pa.BufferReader(file), page_checksum_verification=True).read(use_threads=False)
    try:
        found: list[str | None] = table["text"].to_pylist()
    except UnicodeDecodeError as error:
        raise pa.ArrowInvalid(str(error)) from error
    whole = [text for text in found if text is not None]
    if len(whole) != rows:
        raise pa.ArrowInvalid(f"{len(whole)} texts where {rows} are expected")
    return whole


def _footer(rows: int, size: int) -> bytes:
    """The footer of a table with one column of texts, whose pages have `size` bytes and begin behind the magic."""
    form = _format()
    column = form.ColumnMetaData(
        type=_BYTE_ARRAY,
        encodings=[_PLAIN, _RLE],
        path_in_schema=["text"],
        codec=_ZSTD,
        num_values=rows,
        total_uncompressed_size=size,  # asked for by the format, used by no reader
        total_compressed_size=size,
        data_page_offset=len(_MAGIC),
    )
    chunk = form.ColumnChunk(file_offset=0, meta_data=column)
    text = form.SchemaElement(type=_BYTE_ARRAY, repetition_type=_OPTIONAL, name="text", converted_type=_UTF8)
    metadata = form.FileMetaData(
        version=2,
        schema=[form.SchemaElement(name="schema", num_children=1), text],
        num_rows=rows,
        row_groups=[form.RowGroup(columns=[chunk], total_byte_size=size, num_rows=rows)],
    )
    stream = TMemoryBuffer()
    metadata.write(TCompactProtocolFactory().get_protocol(stream))
    return bytes(stream.getvalue())
