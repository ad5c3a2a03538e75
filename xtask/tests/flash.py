"""Does a program arrive on a board as it is? `cargo xtask image` and `flash`, with a boot loader played on a pseudo-terminal.

    flash.py --xtask COMMAND --chip esp32c3 --elf FILE

Needs esptool and esp32-mock-bootloader (PyPI) in this interpreter's folder. Every check is a sentence; the exit code is 0 if all hold.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

BESIDE = pathlib.Path(sys.executable).parent
MOCK = pathlib.Path(__file__).with_name("mock_board.py")
PROGRAM_OFFSET = 0x10000
PORT = 8


class Board:
    """A mock board; `flash` is what it holds when it is taken off."""

    def __init__(self, chip, *options):
        self.file = tempfile.NamedTemporaryFile()
        words = [sys.executable, MOCK, "--chip", chip, "--flash", self.file.name, *options]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = self.process.stdout.readline().strip()
        self.flash = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.communicate(timeout=60)
        self.flash = self.file.read()


class Checks:
    def __init__(self, chosen):
        self.xtask_command, self.chip, self.elf = chosen.xtask.split(), chosen.chip, chosen.elf
        self.folder = tempfile.TemporaryDirectory()
        self.image = pathlib.Path(self.folder.name, "program.bin")
        self.other_chip = {"esp32": "esp32c3"}.get(self.chip, "esp32")

    def xtask(self, *words):
        environment = dict(os.environ, PATH=f"{BESIDE}{os.pathsep}{os.environ['PATH']}")
        command = [*self.xtask_command, *words, "--chip", self.chip, "--elf", self.elf, "--with", "esptool"]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
        return done.returncode, done.stdout

    def flash_to(self, port, *words):
        return self.xtask("flash", "--port", port, "--no-reset", "--no-monitor", *words)

    def arrived(self, board):
        image = self.image.read_bytes()
        there = board.flash[PROGRAM_OFFSET:PROGRAM_OFFSET + len(image)]
        around = board.flash[:PROGRAM_OFFSET] + board.flash[PROGRAM_OFFSET + len(image):]
        assert there == image, "the flash does not hold the image"
        # Sectors are padded to 4 bytes with 0xFF, which is what erased flash holds.
        assert set(around) == {0xFF}, "something else was written"

    def check_an_independent_tool_accepts_the_image(self):
        code, said = self.xtask("image", "--output", str(self.image))
        assert code == 0, said
        words = [BESIDE / "esptool", "--chip", self.chip, "image-info", self.image]
        info = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
        assert re.search(r"Checksum: 0x[0-9a-f]+ \(valid\)", info), info
        assert re.search(r"Validation hash: [0-9a-f]+ \(valid\)", info), info
        segments = re.findall(r"segment \d+: (0x[0-9a-f]+)", said)
        assert segments and all(segment in info for segment in segments), info

    def check_a_flash_arrives_byte_for_byte(self):
        with Board(self.chip) as board:
            code, said = self.flash_to(board.port)
        assert code == 0, said
        self.arrived(board)

    def check_a_lost_connection_is_made_again(self):
        with Board(self.chip, "--lose-after", "2") as board:
            code, said = self.flash_to(board.port)
        assert code == 0 and "attempt 2 of 3" in said, said
        self.arrived(board)

    def check_a_connection_that_stays_lost_is_told(self):
        with Board(self.chip, "--lose-after", "2") as board:
            code, said = self.flash_to(board.port, "--attempts", "1")
        assert code == PORT and "was lost while sending" in said, said

    def check_another_chip_gets_nothing(self):
        with Board(self.other_chip) as board:
            code, said = self.flash_to(board.port)
        assert code == PORT and "nothing was sent" in said, said
        assert set(board.flash) == {0xFF}, "something was sent"

    def check_a_port_that_is_not_there_is_named(self):
        code, said = self.flash_to("/dev/no-such-port")
        assert code == PORT and "/dev/no-such-port is not there" in said, said

    def check_a_dry_run_sends_nothing(self):
        with Board(self.chip) as board:
            code, said = self.flash_to(board.port, "--dry-run")
        assert code == 0 and f"--port {board.port}" in said and "write-flash" in said, said
        assert set(board.flash) == {0xFF}, "something was sent"

    def all(self):
        names = [name for name in dir(self) if name.startswith("check_")]
        # The first makes the image that the others compare with.
        return sorted(names, key=lambda name: "independent" not in name)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--xtask", default="cargo xtask")
    arguments.add_argument("--chip", required=True)
    arguments.add_argument("--elf", required=True)
    checks, failed = Checks(arguments.parse_args()), 0
    for name in checks.all():
        sentence = name.removeprefix("check_").replace("_", " ")
        try:
            getattr(checks, name)()
            print(f"ok      {sentence}", flush=True)
        except AssertionError as fault:
            failed += 1
            print(f"FAILED  {sentence}: {fault}", flush=True)
    sys.exit(failed > 0)


main()
