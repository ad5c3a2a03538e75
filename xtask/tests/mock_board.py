"""A board's ROM boot loader, played on a pseudo-terminal: what `cargo xtask flash` sends can be
looked at.

    mock_board.py --chip esp32c3 --flash FLASH [--lose-past ADDRESS] [--says FILE]

Prints the name of its port, answers until its standard input ends, then writes the whole flash to
FLASH, and where each upload began, a line each. With --lose-past it falls silent once, for good of
that session, when it has been sent flash beyond that address. With --says its program runs, when
nobody has spoken to the boot loader for a second: FILE is printed again and again. Needs the
package esp32-mock-bootloader (PyPI).
"""

import argparse
import pathlib
import struct
import sys
import threading
import time

from esp32_mock_bootloader import server


class Flash(server.FlashImage):
    """Flash that notes where uploads begin, and loses the line once: what comes then is not heard,
    until another upload begins."""

    def __init__(self, lose_past):
        super().__init__()
        self.lose_past, self.deaf = lose_past, False
        self.uploads = []

    def begin_defl(self, payload):
        super().begin_defl(payload)
        self._begin(payload, self._defl_offset)

    def begin_plain(self, payload):
        super().begin_plain(payload)
        self._begin(payload, self._plain_offset)

    def _begin(self, payload, offset):
        self.deaf = False
        # An upload of nothing is how a sender ends.
        if any(payload[:4]):
            self.uploads.append(offset)

    def write_defl_block(self, payload):
        if not self.deaf:
            super().write_defl_block(payload)
            self._lose_line_past(self._defl_offset)

    def write_plain_block(self, payload):
        if not self.deaf:
            super().write_plain_block(payload)
            self._lose_line_past(self._plain_offset)

    def _lose_line_past(self, address):
        if self.lose_past is not None and address > self.lose_past:
            self.lose_past, self.deaf = None, True
            raise ConnectionError("the line is lost")


class Port(server.PtyMasterTransport):
    """A port that knows when it was spoken to last."""

    heard = 0.0

    def recv(self, size):
        chunk = super().recv(size)
        self.heard = time.monotonic()
        return chunk


def full_security_info(session, known=server.handle_get_security_info):
    """The ROM's status has four bytes, its stub's two; the package answers with two for both, and
    espflash wants them all."""
    frame = known(session)
    body = server.slip_decode_frames(frame)[0]
    if session.stub_active or len(body) < 20:
        return frame
    kind, command, size, value = struct.unpack_from("<BBHI", body)
    return server.slip_encode(
        struct.pack("<BBHI", kind, command, size + 2, value) + body[8:] + bytes(2)
    )


server.handle_get_security_info = full_security_info


def serve(chip, flash, pty):
    while True:
        connection = server.BootloaderConnection(pty=pty)
        try:
            server.handle_client(connection, threading.Event(), chip, flash=flash)
        except ConnectionError as loss:
            print(loss, file=sys.stderr, flush=True)


def speak(text, pty):
    while True:
        time.sleep(0.2)
        if time.monotonic() - pty.heard > 1:
            pty.sendall(text)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--chip", required=True)
    arguments.add_argument("--flash", required=True)
    arguments.add_argument("--lose-past", type=lambda text: int(text, 16))
    arguments.add_argument("--says", type=pathlib.Path)
    chosen = arguments.parse_args()
    flash = Flash(chosen.lose_past)
    pty = Port.create()
    print(pty.client_path, flush=True)
    threading.Thread(target=serve, args=(chosen.chip, flash, pty), daemon=True).start()
    if chosen.says:
        threading.Thread(target=speak, args=(chosen.says.read_bytes(), pty), daemon=True).start()
    sys.stdin.read()
    with open(chosen.flash, "wb") as file:
        file.write(flash.data)
    for offset in flash.uploads:
        print(f"{offset:#x}")


main()
