"""A kernel that says too much, or lies, reaches neither the server's memory nor its judgement."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest

from notebook_agents.sandbox.channels import DELIMITER, Violation, _signature, parse
from notebook_agents.sandbox.config import OutputBudget
from notebook_agents.sandbox.keeping import keep_text
from notebook_agents.sandbox.output import CallOutput
from notebook_agents.tools.texts import plain

from .conftest import MakeBench
from .walls import MIB, Bench

SLACK_SECONDS = 5
"""For machines that are busy with other tests."""
KEY = b"key"
FORGE = """
from ipykernel.kernelapp import IPKernelApp
kernel = IPKernelApp.instance().kernel
def say(kind, content, parent=None):
    kernel.session.send(kernel.iopub_socket, kind, content, parent=parent or kernel.get_parent())
"""


def resident() -> int:
    return int(psutil.Process().memory_info().rss)


def frames(*parts: bytes, key: bytes = KEY) -> list[bytes]:
    """A message with a true signature."""
    return [DELIMITER, _signature(key, list(parts)), *parts]


@pytest.fixture
def noisy(make_bench: MakeBench) -> Bench:
    """A sandbox whose kernels are lost on the way."""
    return make_bench(idle_ttl_s=598.0)


def test_f01_one_huge_print(noisy: Bench) -> None:
    noisy.run("1")
    before, started = resident(), time.monotonic()
    outcome = noisy.run("print('x' * (50 << 20))")
    assert (outcome.reason, outcome.kernel_kept) == ("OUTPUT_LIMIT", False)
    assert time.monotonic() - started < 5 + SLACK_SECONDS
    assert resident() - before < 40 * MIB
    assert noisy.run("1 + 1").output == "2\n"


@pytest.mark.pod
def test_f02_endless_printing_stops_near_the_cap(noisy: Bench) -> None:
    before = resident()
    outcome = noisy.run("while True: print('x' * 100)")
    assert outcome.reason == "OUTPUT_LIMIT"
    assert len(outcome.output) < MIB + 100
    assert resident() - before < 40 * MIB


def test_f02_the_rest_is_in_a_file_of_a_folder_of_the_conversation(
    make_bench: MakeBench, tmp_path_factory: pytest.TempPathFactory
) -> None:
    bench = make_bench(writable_root=tmp_path_factory.getbasetemp())
    outcome = bench.run("for n in range(300_000): print(n)")
    assert outcome.reason == ""
    assert outcome.output.startswith("0\n1\n")
    assert outcome.output.endswith("299998\n299999\n")
    assert f"all of it is in {outcome.output_file!r}" in outcome.output
    file = bench.workspace / outcome.output_file
    assert file.read_text() == "".join(f"{n}\n" for n in range(300_000))
    assert len("".join(bench.shown)) <= MIB
    much = bench.run("for _ in range(100): print('x' * 100_000, flush=True)")
    assert much.reason == "OUTPUT_LIMIT"
    kept = bench.workspace / much.output_file
    assert kept.stat().st_size == OutputBudget().file_chars
    assert f"the part before the cut is in {kept.name!r}" in much.output
    assert "all of it" not in much.output
    before = set(bench.workspace.iterdir())
    direct = bench.run("for n in range(300_000): print(n)", keeps_output=False)
    assert (direct.reason, direct.output_file) == ("OUTPUT_LIMIT", "")
    assert " is in 'output" not in direct.output
    assert set(bench.workspace.iterdir()) == before


def test_f03_writing_past_the_channels_reaches_no_disk(noisy: Bench) -> None:
    code = """
for fd in range(64):
    try:
        if fd < 3 or not os.isatty(fd): os.fstat(fd)
    except OSError: continue
    target = os.readlink(f'/proc/self/fd/{fd}') if os.path.exists('/proc/self/fd') else ''
    if target.startswith('/') and not target.startswith(('/dev/', '/proc/')): print(target)
for _ in range(16): os.write(1, bytes(1 << 20)); os.write(2, bytes(1 << 20))
"""
    before = resident()
    outcome = noisy.run(code)
    assert outcome.reason in ("", "OUTPUT_LIMIT")
    assert not outcome.output.strip("\0\n").startswith("/")
    assert len(outcome.output) < MIB + 100
    assert resident() - before < 40 * MIB


def test_f04_displays_are_capped_by_size_and_number(noisy: Bench) -> None:
    noisy.run("1")
    before = resident()
    large = noisy.run("from IPython.display import HTML, display\ndisplay(HTML('x' * (20 << 20)))")
    assert large.reason == "OUTPUT_LIMIT"
    many = noisy.run("from IPython.display import HTML\nfor _ in range(20_000): display(HTML('x'))")
    assert many.reason == "OUTPUT_LIMIT"
    assert resident() - before < 40 * MIB


def test_f04_pictures_are_bounded_by_what_they_unfold_to(noisy: Bench) -> None:
    """Small as they come, 100 million pixels or 20,000 frames once they are drawn."""
    pictures = """
import base64, struct, zlib
from IPython.display import Image, display
def chunk(kind, data):
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
def png(side):
    head, rows = struct.pack('>IIBBBBB', side, side, 1, 0, 0, 0, 0), bytes((1 + side // 8) * side)
    data = chunk(b'IHDR', head) + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b'')
    return bytes.fromhex('89504e470d0a1a0a') + data
frame = b'!' + bytes([249, 4, 0, 0, 0, 0, 0]) + b',' + bytes(4) + struct.pack('<HHB', 4096, 4096, 0)
gif = b'GIF89a' + struct.pack('<HHBBB', 4096, 4096, 128, 0, 0) + bytes(6)
gif += (frame + bytes.fromhex('02024401 00'.replace(' ', ''))) * 20_000 + b';'
"""
    shown = """
display(Image(png(10_000)))
display({'image/png': base64.b64encode(png(10_000)).decode()}, raw=True)
display(Image(gif, format='gif'))
display({'image/gif': base64.b64encode(gif).decode(), 'text/plain': 'a film'}, raw=True)
display(Image(png(8)))
"""
    noisy.run("1")
    before = resident()
    outcome = noisy.run(pictures + shown)
    assert outcome.reason == "", outcome.error_message
    assert [figure.label for figure in outcome.figures] == ["picture of 8 by 8 pixels"]
    assert outcome.n_figures_left_out == 2
    assert "a film" in outcome.output
    assert len(outcome.output) < 1000
    assert resident() - before < 40 * MIB


@pytest.mark.pod
def test_f05_f06_messages_under_another_name_change_nothing(bench: Bench) -> None:
    code = """
other = kernel.session.msg('execute_request')
for parent in (other, {'header': {}}, {'header': {'msg_id': 5}}):
    say('status', {'execution_state': 'idle'}, parent)
    say('stream', {'name': 'stdout', 'text': 'forged'}, parent)
import time; time.sleep(0.2); print('still here', flush=True)
say('status', {'execution_state': 'idle'})
time.sleep(0.1); print('after the end')
"""
    outcome = bench.run(FORGE + code)
    assert outcome.output == "still here\n"
    assert bench.run("'next'").output == "'next'\n"


@pytest.mark.parametrize(
    "parts",
    [
        (b"{}", b"{}", b"{}", b"{}"),
        (b'{"msg_type": "stream"}', b"[]", b"{}", b"{}"),
        (b'{"msg_type": "stream"}', b"{}", b"{}", b"[]"),
        (b'{"msg_type": ["stream"]}', b"{}", b"{}", b"{}"),
        (b'{"msg_type": "stream"}', b'{"msg_id": {}}', b"{}", b"{}"),
        (b'{"msg_type": "stream"}', b"{}", b"{}", b"\xff\xfe{}"),
        (b'{"msg_type": "stream"}', b"{}", b"{}", b"[" * 200_000),
        (b'{"msg_type": "stream"}', b"{}", b"{}", b'{"text": ' + b"9" * 10_000 + b"}"),
        (b'{"msg_type": "' + b"x" * 20_000 + b'"}', b"{}", b"{}", b"{}"),
    ],
)
def test_f07_what_has_the_wrong_shape_is_a_violation(parts: tuple[bytes, ...]) -> None:
    with pytest.raises(Violation):
        parse(frames(*parts), KEY)


@pytest.mark.parametrize(
    "message", [[], [b"x"], [DELIMITER], frames(b"{}"), frames(*[b"{}"] * 4, key=b"other")]
)
def test_f07_what_is_cut_or_signed_by_others_is_a_violation(message: list[bytes]) -> None:
    with pytest.raises(Violation):
        parse(message, KEY)


def test_f07_three_violations_end_the_kernel(noisy: Bench) -> None:
    code = """
socket = IPKernelApp.instance().iopub_thread.socket
for _ in range(3): socket.send_multipart([b'x', b'<IDS|MSG>', b'forged', *[b'{}'] * 4])
import time; time.sleep(20)
"""
    outcome = noisy.run(FORGE + code)
    assert outcome.reason == "KERNEL_LOST"
    assert "protocol violation: bad signature" in outcome.security_events
    assert noisy.run("1 + 1").output == "2\n"


def test_f08_f09_what_asks_the_front_end_for_something_is_ignored(bench: Bench) -> None:
    code = """
url = 'https://attacker.example/widget.js'
say('comm_open', {'comm_id': 'x', 'target_name': 'jupyter.widget',
                  'data': {'state': {'_model_module': url}}})
say('comm_msg', {'comm_id': 'x', 'data': {'method': 'display'}})
say('input_request', {'prompt': 'password: ', 'password': True})
for payload in ({'source': 'set_next_input', 'text': 'import os', 'replace': True},
                {'source': 'page', 'data': {'text/plain': url}, 'start': 0},
                {'source': 'edit_magic', 'filename': url, 'line_number': 1},
                {'source': 'ask_exit', 'keepkernel': False}):
    kernel.shell.payload_manager.write_payload(payload, single=False)
say('error', {'ename': 'ValueError', 'evalue': 'no', 'traceback': []})
print('told')
"""
    outcome = bench.run(FORGE + code)
    assert outcome.output == "told\n"
    assert "attacker" not in repr(outcome)
    # The reply says ok, the error before it stays: never half of each.
    assert (outcome.reason, outcome.error_name) == ("ERROR", "ValueError")
    assert bench.run("'next'").output == "'next'\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;https://attacker.example\x07click\x1b]8;;\x07", "click"),
        ("\x1b]52;c;cm0gLXJmIC8=\x07safe", "safe"),
        ("abc\u202egnp.exe", "abcgnp.exe"),
        ("zero\u200bwidth", "zerowidth"),
        ("tag" + "".join(chr(0xE0000 + ord(c)) for c in "ignore"), "tag"),
        ("progress 1%\rprogress 99%\n", "progress 99%\n"),
        ("bell\x07\x00\x9b31mc1", "bellc1"),
    ],
)
def test_f10_what_hides_or_commands_does_not_reach_a_model(text: str, expected: str) -> None:
    assert plain(text) == expected


def test_f12_what_comes_out_of_a_single_use_sandbox_is_looked_at(
    make_bench: MakeBench, tmp_path_factory: pytest.TempPathFactory
) -> None:
    bench = make_bench("auto", "high", writable_root=tmp_path_factory.getbasetemp())
    code = r"""
os.chdir('outputs')
open('good.txt', 'w').write('good')
open('twice.txt', 'w').write('twice')
open('con.txt', 'w').write('x')
open('a\nb', 'w').write('x')
open('.bashrc', 'w').write('x')
attempt('sparse', lambda: os.truncate('good.txt', 1 << 40))
for work, arguments in ((os.symlink, ('/etc/passwd', 'link')), (os.mkfifo, ('pipe',)),
                        (os.link, ('twice.txt', 'hard.txt')),
                        (os.mknod, ('device', 0o60600, os.makedev(1, 3))),
                        (os.mkdir, ('folder',))):
    try: work(*arguments)
    except OSError: pass
"""
    started = time.monotonic()
    outcome = bench.run(code)
    assert time.monotonic() - started < 10 + SLACK_SECONDS
    assert "sparse" not in outcome.output
    back = {path.name for path in (bench.workspace / "outputs").iterdir()}
    assert back <= {"good.txt", "twice.txt", "folder"}
    assert {"good.txt", "twice.txt"} & back
    assert not any(path.is_symlink() for path in bench.workspace.rglob("*"))


def test_a_file_for_the_rest_is_a_new_one(tmp_path: Path) -> None:
    name = keep_text(tmp_path, "all of it")
    assert (tmp_path / name).read_text() == "all of it"
    assert keep_text(tmp_path / "nowhere", "x") == ""


def test_of_a_long_text_beginning_and_end_are_told() -> None:
    output = CallOutput("mine", OutputBudget(text_chars=10, end_chars=4), lambda _text: None, 100)
    output._add("0123456789abcdef")
    assert (output.is_long, output.is_over_budget) == (True, False)
    output.file = "output-1.txt"
    assert output.text == (
        "012345\n... 6 characters left out; all of it is in 'output-1.txt' ...\ncdef"
    )
