"""Forms that carry a file: it goes to disk as it comes, and nothing is left of one refused.

The form is taken apart by python-multipart, which hands every piece on at once. What the request
says of its length is a hint; bytes are counted.
"""

from __future__ import annotations

from email.message import Message
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from tornado.http1connection import HTTP1Connection
from tornado.web import HTTPError

from notebook_agents.core.attachments import FileTooLarge, too_large
from notebook_agents.core.errors import InvalidRequest
from notebook_agents_server.base import BaseHandler
from notebook_agents_server.failures import TOO_LARGE_STATUS, reading

if TYPE_CHECKING:
    from notebook_agents.core.attachments import Receiving

FILE_FIELD = "file"
FORM_TYPE = b"multipart/form-data"
MAX_FIELD_BYTES = 16 * 1024
"""Of all fields of a form together."""
MAX_PARTS = 16
OVERHEAD_BYTES = 1024 * 1024
"""What a form may have beside its file."""
REFUSED_FACTOR = 2
"""A body that is too large is read and thrown away up to this many limits, to tell the client."""
M = TypeVar("M", bound=BaseModel)


class FormReader:
    """Takes a form apart as it comes: fields are kept, pieces of the file are handed on."""

    def __init__(self, content_type: str) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != FORM_TYPE or not boundary:
            raise InvalidRequest("send a form with Content-Type: multipart/form-data")
        self.fields: dict[str, bytes] = {}
        self.file_name: str | None = None
        """None until the file begins."""
        self.is_complete = False
        self._pieces: list[bytes] = []
        self._n_parts = self._n_field_bytes = 0
        self._header = self._value = b""
        self._disposition = b""
        self._field = ""
        self._is_file = False
        self._parser = self._make_parser(boundary)

    def _make_parser(self, boundary: bytes) -> MultipartParser:
        try:
            return MultipartParser(
                boundary,
                {
                    "on_part_begin": self._part_begins,
                    "on_header_field": self._header_goes_on,
                    "on_header_value": self._value_goes_on,
                    "on_header_end": self._header_ends,
                    "on_headers_finished": self._headers_end,
                    "on_part_data": self._data_goes_on,
                    "on_end": self._form_ends,
                },
            )
        except FormParserError as error:
            raise InvalidRequest("the form cannot be read") from error

    def feed(self, chunk: bytes) -> bytes:
        """Take a piece of the form; what it holds of the file."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise InvalidRequest("the form cannot be read") from error
        found = b"".join(self._pieces)
        self._pieces.clear()
        return found

    def _part_begins(self) -> None:
        self._n_parts += 1
        if self._n_parts > MAX_PARTS:
            raise InvalidRequest(f"the form has more than {MAX_PARTS} parts")
        self._disposition = b""

    def _header_goes_on(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _value_goes_on(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_ends(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _headers_end(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._field = options.get(b"name", b"").decode("utf-8", "replace")
        if not self._field or self._field in self.fields:
            raise InvalidRequest("every part of the form needs a name of its own")
        self._is_file = self._field == FILE_FIELD
        if not self._is_file:
            self.fields[self._field] = b""
            return
        if self.file_name is not None:
            raise InvalidRequest("send one file with each request", field=FILE_FIELD)
        self.file_name = _file_name(options.get(b"filename"), self._disposition)

    def _data_goes_on(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._pieces.append(data[start:end])
            return
        self._n_field_bytes += end - start
        if self._n_field_bytes > MAX_FIELD_BYTES:
            raise InvalidRequest(f"the fields have more than {MAX_FIELD_BYTES} bytes together")
        self.fields[self._field] += data[start:end]

    def _form_ends(self) -> None:
        self.is_complete = True


class UploadHandler(BaseHandler):
    """A handler whose POST is a form with one file."""

    _form: FormReader | None = None
    _receiving: Receiving | None = None
    _is_handed_on: bool = False
    """Whether the verb has the file, which ends as it wills also without its client."""

    async def prepare(self) -> None:
        """Check all that can be checked before the file."""
        await super().prepare()
        if self._refusal is not None or self.request.method != "POST":
            return
        try:
            self._expect()
        except Exception as refusal:  # noqa: BLE001 - raised again by the guard of the verb
            self._refusal = refusal

    async def data_received(self, chunk: bytes) -> None:
        """Hand pieces of the file on; of what is refused nothing is kept."""
        if self._form is None:
            super().data_received(chunk)
            return
        if self._refusal is not None:
            return
        try:
            await self._take(chunk)
        except FileTooLarge as error:
            self._refusal = HTTPError(TOO_LARGE_STATUS, log_message=error.message.replace("%", ""))
        except Exception as refusal:  # noqa: BLE001 - raised again by the guard of the verb
            self._refusal = refusal
        if self._refusal is not None:
            await self._discard()

    def uploaded(self, model: type[M]) -> tuple[M, Receiving, str]:
        """The fields of the form, its file, and what that is called."""
        form = self._form
        if form is None or not form.is_complete:
            raise InvalidRequest("the form is not complete")
        try:
            given = {name: value.decode() for name, value in form.fields.items()}
        except UnicodeDecodeError as error:
            raise InvalidRequest("the fields of the form are not UTF-8 text") from error
        with reading():
            found = model.model_validate(given if self._receiving is None else given | _A_FILE)
        assert self._receiving is not None, "the form's model asks for the file"
        self._is_handed_on = True
        return found, self._receiving, form.file_name or ""

    def on_finish(self) -> None:
        """Forget the file if nobody kept it."""
        super().on_finish()
        self._forget()

    def on_connection_close(self) -> None:
        """Forget the file of a client that went away."""
        super().on_connection_close()
        if not self._is_handed_on:
            self._forget()

    def _expect(self) -> None:
        max_bytes = self.core.attachments.limits.max_bytes
        connection = self.request.connection
        if isinstance(connection, HTTP1Connection):
            connection.set_max_body_size(max_bytes * REFUSED_FACTOR + OVERHEAD_BYTES)
        told = self.request.headers.get("Content-Length", "")
        if told.isdigit() and int(told) > max_bytes + OVERHEAD_BYTES:
            raise HTTPError(TOO_LARGE_STATUS, log_message=too_large(max_bytes).message)
        self._form = FormReader(self.request.headers.get("Content-Type", ""))

    async def _take(self, chunk: bytes) -> None:
        assert self._form is not None
        max_bytes = self.core.attachments.limits.max_bytes
        self.n_read += len(chunk)
        if self.n_read > max_bytes + OVERHEAD_BYTES:
            raise too_large(max_bytes)
        piece = self._form.feed(chunk)
        if self._form.file_name is not None and self._receiving is None:
            self._receiving = await self.core.attachments.receive(self.actor)
        if piece and self._receiving is not None:
            await self._receiving.write(piece)

    async def _discard(self) -> None:
        if self._receiving is not None:
            await self._receiving.discard()

    def _forget(self) -> None:
        if self._receiving is not None and self.services.core is not None:
            self.core.spawn(self._discard(), name=f"forgetting a file of {self.request_id}")


_A_FILE = {FILE_FIELD: b""}
"""Stands for the file, which is on disk, where a form is checked."""


def _file_name(given: bytes | None, disposition: bytes) -> str:
    """What the file is called, also where a client writes it as RFC 5987 has it."""
    if given is not None:
        return given.decode("utf-8", "replace")
    header = Message()
    header["Content-Disposition"] = disposition.decode("utf-8", "replace")
    try:
        return header.get_filename("")
    except ValueError:  # a character set that is none
        raise InvalidRequest("the name of the file cannot be read", field=FILE_FIELD) from None
