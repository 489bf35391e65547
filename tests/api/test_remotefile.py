"""Remote files: the methods of file objects, the number of requests, and servers that change or fail."""

from __future__ import annotations

import io
import random
import tarfile
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pyarrow
import pyarrow.parquet
import pytest

import httpconn
from httpconn.testing import Close, Reset, response
from tests.servers.files import Served, changed, cut, instead

KIB = 1024
CONTENT = random.Random(1).randbytes(300 * KIB + 7)
AT_ONCE = httpconn.RetryPolicy(attempts=3, backoff=0)


@pytest.fixture
def connection():
    with httpconn.HTTPConnection(retries=AT_ONCE) as opened:
        yield opened


@pytest.fixture
def remote(connection, scripted):
    """Return a function that opens a remote file and returns it with its server."""
    opened = []

    def open_it(content=CONTENT, block_size=KIB, **options):
        server = scripted(Served(content, **options))
        opened.append(connection.open(server.url_for("/file?key=secret"), block_size=block_size))
        return opened[-1], server

    yield open_it
    for each in opened:
        each.close()


def asked_bytes(server):
    """Return the number of requested bytes."""
    ranges = [request.header("Range").removeprefix("bytes=").split("-") for request in server.requests]
    return sum(int(last) - int(first) + 1 for first, last in ranges)


class TestFile:
    """Remote files behave like local files."""

    def test_it_reads_like_a_local_file(self, remote):
        theirs, _ = remote()
        ours, chance = io.BytesIO(CONTENT), random.Random(2)
        for _ in range(300):
            match chance.randrange(4):
                case 0:
                    at = chance.randrange(len(CONTENT) + 10)
                    assert theirs.seek(at) == ours.seek(at)
                case 1:
                    at = -chance.randrange(len(CONTENT))
                    assert theirs.seek(at, io.SEEK_END) == ours.seek(at, io.SEEK_END)
                case 2:
                    count = chance.randrange(5000)
                    assert theirs.read(count) == ours.read(count)
                case 3:
                    mine, other = bytearray(777), bytearray(777)
                    assert theirs.readinto(mine) == ours.readinto(other)
                    assert mine == other
            assert theirs.tell() == ours.tell()
        for each in (theirs, ours):
            each.seek(5)
        assert theirs.read() == ours.read()
        assert theirs.read() == theirs.read(5) == theirs.read1() == theirs.peek() == b""

    def test_its_attributes_and_methods(self, remote):
        file, _ = remote(modified="Mon, 05 Jan 2026 00:00:00 GMT")
        assert (file.size, file.etag, file.mode) == (len(CONTENT), '"v1"', "rb")
        assert file.last_modified == "Mon, 05 Jan 2026 00:00:00 GMT"
        assert file.readable()
        assert file.seekable()
        assert not file.writable()
        assert not file.isatty()
        assert "secret" not in file.name + repr(file)
        for refused in (lambda: file.write(b"x"), file.fileno, lambda: file.truncate(0)):
            with pytest.raises(io.UnsupportedOperation):
                refused()

    def test_lines_and_text(self, remote):
        lines = [f"line {number}\n".encode() for number in range(500)]
        file, _ = remote(b"".join(lines), block_size=100)
        assert list(file) == lines
        file.seek(0)
        assert file.readline() == lines[0]
        assert io.TextIOWrapper(file, "utf-8").read().count("\n") == 499

    def test_read1_and_peek_end_with_a_block(self, remote):
        file, server = remote()
        file.seek(100)
        assert file.peek() == file.read1() == CONTENT[100:1024]
        assert file.read1(3) == CONTENT[1024:1027]
        assert len(server.requests) == 2

    @pytest.mark.parametrize(("offset", "whence"), [(-1, 0), (-400_000, 2), (-1, 1), (0, 3)])
    def test_an_invalid_position_is_an_error(self, remote, offset, whence):
        file, _ = remote()
        with pytest.raises(ValueError, match=r"seek position|whence"):
            file.seek(offset, whence)
        assert file.tell() == 0

    def test_a_closed_file_raises_value_error(self, remote):
        file, server = remote()
        with file:
            pass
        file.close()
        assert file.closed
        calls = (file.read, file.read1, file.peek, file.tell, file.readline, file.readable, file.seekable)
        for call in (*calls, lambda: file.seek(0), lambda: file.readinto(bytearray(1)), file.__enter__):
            with pytest.raises(ValueError, match="closed"):
                call()
        assert len(server.requests) == 1

    def test_threads_share_it(self, remote):
        file, _ = remote(bytes(number % 256 for number in range(256 * 400)), block_size=64)
        pieces = []
        with ThreadPoolExecutor(8) as threads:
            for piece in threads.map(lambda _: file.read(256), range(400)):
                pieces.append(piece)
        assert set(pieces) == {bytes(range(256))}

    @pytest.mark.parametrize("block_size", [0, -1, True, 1.5, None, 2**40])
    def test_an_invalid_block_size_is_an_error(self, connection, block_size):
        with pytest.raises(httpconn.InvalidRequest, match="block_size"):
            connection.open("http://example.com/", block_size=block_size)

    def test_a_connection_without_client_reuse(self, scripted):
        server = scripted(Served(CONTENT))
        with httpconn.HTTPConnection(reuse_client=False).open(server.url, block_size=KIB) as file:
            assert file.read() == CONTENT
        server.wait_for(lambda: server.open_connections == 0)


class TestServers:
    """Servers with and without faults."""

    def test_an_empty_file(self, remote):
        file, _ = remote(b"")
        assert (file.size, file.read(), file.seek(0, 2)) == (0, b"", 0)

    def test_faults_are_retried(self, remote):
        for faults in ([instead(Reset()), instead(response(503))], [cut(100), cut(0, Reset())]):
            file, server = remote(faults=list(faults))
            assert len(server.requests) == 3
            server._handler.faults.extend(faults)
            assert file.read() == CONTENT

    def test_an_error_does_not_change_the_position(self, remote):
        file, server = remote()
        file.seek(5000)
        server._handler.faults.extend([instead(response(500))] * 3)
        with pytest.raises(httpconn.StatusError):
            file.read(10)
        assert file.tell() == 5000
        assert file.read(10) == CONTENT[5000:5010]

    @pytest.mark.parametrize("change", [{"etag": '"v2"'}, {"body": CONTENT[:-1]}, {"body": b""}, {"etag": None}])
    def test_a_changed_file_is_an_error(self, remote, change):
        file, server = remote()
        server._handler.faults.append(changed(**change))
        with pytest.raises(httpconn.FileChanged) as caught:
            file.seek(5000) and file.read(10)
        assert isinstance(caught.value, httpconn.IntegrityError)
        assert "secret" not in str(caught.value)
        assert len(server.requests) == 2
        file.seek(0)
        assert file.read(10) == CONTENT[:10]

    def test_without_validators_the_size_identifies_the_version(self, remote):
        file, server = remote(etag=None)
        assert file.read(5000) == CONTENT[:5000]
        server._handler.faults.append(changed(body=CONTENT + b"x"))
        with pytest.raises(httpconn.FileChanged):
            file.read()

    def test_a_small_file_is_read_without_ranges(self, remote):
        file, server = remote(ranges=False)
        file.seek(-10, 2)
        assert file.read() == CONTENT[-10:]
        assert len(server.requests) == 1

    def test_a_large_file_without_ranges_is_an_error(self, connection, scripted):
        server = scripted(response(headers={"Content-Length": str(9 * KIB * KIB)}))
        with pytest.raises(httpconn.RangesRefused):
            connection.open(server.url)
        server = scripted([response(framing="close", body=bytes(9 * KIB * KIB)), Close()])
        with pytest.raises(httpconn.RangesRefused):
            connection.open(server.url)

    def test_a_server_that_stops_supporting_ranges(self, remote):
        file, server = remote()
        server._handler.faults.append(changed(ranges=False))
        assert file.read() == CONTENT

    def test_a_large_file_whose_server_stops_supporting_ranges_is_an_error(self, remote):
        file, server = remote(bytes(9 * KIB * KIB), block_size=256 * KIB)
        server._handler.faults.append(changed(ranges=False))
        with pytest.raises(httpconn.RangesRefused):
            file.read(300 * KIB)

    @pytest.mark.parametrize("headers", [{"Content-Range": "bytes 0-3/9"}, {}, {"Content-Encoding": "gzip"}])
    def test_an_invalid_part_is_an_error(self, connection, scripted, headers):
        if "Content-Encoding" in headers:
            headers = {**headers, "Content-Range": "bytes 0-8/9"}
        server = scripted(response(206, headers, b"123456789"))
        with pytest.raises(httpconn.RangesRefused):
            connection.open(server.url)
        assert [request.header("Range") is None for request in server.requests] == [False, True]

    @pytest.mark.parametrize("given", [(206, {}), (206, {"Content-Range": "bytes 0-1023/1000"}), (200, {})])
    def test_a_server_that_violates_the_rules_of_ranges(self, connection, scripted, given):
        def handle(request):
            asked = request.header("Range")
            if asked is None:
                return [response(body=CONTENT)]
            first, _, last = asked.removeprefix("bytes=").partition("-")
            return [response(*given, CONTENT[int(first) : int(last) + 1])]

        server = scripted(handle)
        with connection.open(server.url, block_size=KIB) as file:
            assert (file.size, file.read(10), file.seek(-5, 2)) == (len(CONTENT), CONTENT[:10], len(CONTENT) - 5)
            assert file.read() == CONTENT[-5:]
        assert connection.get_ranges(server.url, [(10, 20), (-3, None)]) == [CONTENT[10:20], CONTENT[-3:]]

    def test_a_part_of_a_file_whose_format_is_its_coding(self, connection, scripted):
        coded = {"Content-Encoding": "gzip", "Content-Range": "bytes 0-8/9"}
        with connection.open(scripted(response(206, coded, b"123456789")).url_for("/a.gz")) as file:
            assert file.read() == b"123456789"

    def test_a_chunked_part_of_another_length(self, connection, scripted):
        part = response(206, {"Content-Range": "bytes 0-8/9"}, b"1234567", framing="chunked")
        server = scripted(part)
        with pytest.raises(httpconn.TruncatedBody):
            connection.open(server.url)
        assert len(server.requests) == 3

    def test_statuses(self, connection, scripted):
        with pytest.raises(httpconn.StatusError) as caught:
            connection.open(scripted(response(404)).url)
        assert caught.value.status_code == 404

    def test_the_access_policy_holds(self):
        guarded = httpconn.HTTPConnection(access=httpconn.AccessPolicy.public_internet())
        with guarded, pytest.raises(httpconn.AccessDenied):
            guarded.open("http://127.0.0.1:1/")

    @pytest.mark.parametrize(("limits", "refused"), [(None, True), (httpconn.Limits(max_bytes=2**60), False)])
    def test_an_untrusted_file_above_the_limit_is_an_error(self, scripted, limits, refused):
        part = response(206, {"Content-Range": f"bytes 0-0/{2**40}"}, body=b"x")
        access = httpconn.AccessPolicy.public_internet(allowed_networks=["127.0.0.0/8"])
        with httpconn.HTTPConnection(access=access, limits=limits) as connection:
            if refused:
                with pytest.raises(httpconn.LimitExceeded, match="1099511627776 bytes; 67108864 are allowed"):
                    connection.open(scripted(part).url, block_size=1)
            else:
                assert connection.open(scripted(part).url, block_size=1).size == 2**40

    def test_headers_and_redirects(self, connection, scripted):
        server = scripted({"/": response(302, {"Location": "/file"}), "/file": Served(CONTENT)})
        with connection.open(server.url, block_size=KIB, extra_headers={"X-Key": "k"}) as file:
            assert file.read(2000) == CONTENT[:2000]
        assert {request.header("X-Key") for request in server.requests} == {"k"}
        assert {request.header("Accept-Encoding") for request in server.requests} == {"identity"}


class TestReaders:
    """Libraries that read remote files, and the number of bytes they fetch."""

    def test_a_member_of_a_zip_file(self, remote):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for number in range(20):
                archive.writestr(f"{number}.bin", random.Random(number).randbytes(50 * KIB))
        file, server = remote(packed.getvalue(), block_size=8 * KIB)
        with zipfile.ZipFile(file) as archive:
            assert archive.read("11.bin") == random.Random(11).randbytes(50 * KIB)
        assert asked_bytes(server) < 200 * KIB < len(packed.getvalue()) / 4

    def test_a_member_of_a_tar_file(self, remote):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for number in range(8):
                member = tarfile.TarInfo(f"{number}.bin")
                member.size = 200 * KIB
                archive.addfile(member, io.BytesIO(random.Random(number).randbytes(member.size)))
        file, server = remote(packed.getvalue(), block_size=4 * KIB)
        with tarfile.open(fileobj=file) as archive:
            assert archive.extractfile("6.bin").read() == random.Random(6).randbytes(200 * KIB)
        assert asked_bytes(server) < len(packed.getvalue()) / 2

    def test_a_column_of_a_parquet_file(self, remote):
        chance = random.Random(3)
        table = pyarrow.table({name: [chance.random() for _ in range(20_000)] for name in "abcdefgh"})
        packed = io.BytesIO()
        pyarrow.parquet.write_table(table, packed)
        file, server = remote(packed.getvalue(), block_size=16 * KIB)
        read = pyarrow.parquet.read_table(file, columns=["c"])
        assert read.column("c").equals(table.column("c"))
        assert asked_bytes(server) < len(packed.getvalue()) / 3

    def test_sequential_reading_takes_few_requests_and_no_byte_twice(self, remote):
        file, server = remote(block_size=4 * KIB)
        while file.read(1000):
            pass
        assert asked_bytes(server) < len(CONTENT) + 4 * KIB
        assert len(server.requests) < 10
        assert len({request.connection for request in server.requests}) == 1


def test_a_file_is_closed_while_another_thread_reads_it(remote):
    file, server = remote()
    reached, go_on = threading.Event(), threading.Event()

    def held_back(served, request):
        reached.set()
        go_on.wait(10)
        return served.respond(request)

    server._handler.faults.append(held_back)
    with ThreadPoolExecutor(2) as threads:
        reading = threads.submit(file.read, 5000)
        reached.wait(10)
        closing = threads.submit(file.close)
        go_on.set()
        assert reading.result() == CONTENT[:5000]
        closing.result()
    assert file.closed
