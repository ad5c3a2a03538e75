"""A board's ROM boot loader, played on a pseudo-terminal: what `cargo xtask flash` sends can be looked at.

    mock_board.py --chip esp32c3 --flash FLASH [--lose-after BLOCKS]

Prints the name of its port, answers until its standard input ends, then writes the whole flash to FLASH. With --lose-after it falls silent
once, for good of that session, in the middle of an upload. Needs the package esp32-mock-bootloader (PyPI).
"""

import argparse
import sys
import threading

from esp32_mock_bootloader import server


class Flash(server.FlashImage):
    """Flash that counts written blocks and loses the line after some."""

    def __init__(self, lose_after):
        super().__init__()
        self.blocks_to_loss = lose_after

    def write_defl_block(self, payload):
        self._count()
        super().write_defl_block(payload)

    def write_plain_block(self, payload):
        self._count()
        super().write_plain_block(payload)

    def _count(self):
        if self.blocks_to_loss is None:
            return
        self.blocks_to_loss -= 1
        if self.blocks_to_loss == 0:
            self.blocks_to_loss = None
            raise ConnectionError("the line is lost")


def serve(chip, flash, pty):
    while True:
        connection = server.BootloaderConnection(pty=pty)
        try:
            server.handle_client(connection, threading.Event(), chip, flash=flash)
        except ConnectionError as loss:
            print(loss, file=sys.stderr, flush=True)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--chip", required=True)
    arguments.add_argument("--flash", required=True)
    arguments.add_argument("--lose-after", type=int)
    chosen = arguments.parse_args()
    flash = Flash(chosen.lose_after)
    pty = server.PtyMasterTransport.create()
    print(pty.client_path, flush=True)
    threading.Thread(target=serve, args=(chosen.chip, flash, pty), daemon=True).start()
    sys.stdin.read()
    with open(chosen.flash, "wb") as file:
        file.write(flash.data)


main()
