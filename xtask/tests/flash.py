"""Check of `cargo xtask image`, `flash` and `monitor`, with a board played on a pseudo-terminal.

    flash.py [--xtask COMMAND] --chip esp32c3 --elf FILE

Needs esptool and esp32-mock-bootloader (PyPI) in this interpreter's folder. Every check runs with
esptool as the sender, and with espflash if that is in the same folder or installed. espflash opens
ports only that the system lists, so it sees a system with the board's in its list: that takes a
mount namespace (`unshare`). Every check is a sentence; the exit code is 0 if all hold.
"""

import argparse
import fcntl
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

BESIDE = pathlib.Path(sys.executable).parent
PATH = f"{BESIDE}{os.pathsep}{os.environ['PATH']}"
MOCK = pathlib.Path(__file__).with_name("mock_board.py")
PROGRAM_OFFSET, PIECE = 0x10000, 0x10000
TOOL, BUILD, IMAGE, PORT = 3, 6, 7, 8
# The one name that /dev and /sys/class/tty have in what espflash sees.
LISTED = "/dev/full"


class Board:
    """A mock board; `flash` and `uploads` are what it holds and was sent when it is taken off."""

    def __init__(self, chip, *options):
        self.file = tempfile.NamedTemporaryFile()
        words = [sys.executable, MOCK, "--chip", chip, "--flash", self.file.name, *options]
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.device = self.port = self.process.stdout.readline().strip()
        self.flash, self.uploads = b"", []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        output, _ = self.process.communicate(timeout=60)
        self.uploads = [int(line, 16) for line in output.split()]
        self.flash = self.file.read()


class Checks:
    def __init__(self, chosen, sender):
        self.xtask_command, self.chip, self.elf = chosen.xtask.split(), chosen.chip, chosen.elf
        self.sender, self.around = sender, []
        self.folder = tempfile.TemporaryDirectory()
        self.image = self.path("program.bin")
        self.other_chip = {"esp32": "esp32c3"}.get(self.chip, "esp32")

    def path(self, name):
        return pathlib.Path(self.folder.name, name)

    def board(self, chip, *options):
        board = Board(chip, *options)
        if self.sender == "espflash":
            board.port = LISTED
            self.around = listing(self.path("class"), board.device)
        return board

    def command(self, *words, elf=None):
        program = [] if elf == "" else ["--elf", elf or self.elf]
        return [*self.around, *self.xtask_command, *words, "--chip", self.chip, *program]

    def run(self, command):
        environment = dict(os.environ, PATH=PATH)
        done = subprocess.run(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        return done.returncode, done.stdout

    def xtask(self, *words, elf=None):
        return self.run([*self.command(*words, elf=elf), "--with", self.sender])

    def flash_to(self, port, *words):
        return self.xtask("flash", "--port", port, "--no-reset", "--no-monitor", *words)

    def arrived(self, board):
        image = self.image.read_bytes()
        there = board.flash[PROGRAM_OFFSET:PROGRAM_OFFSET + len(image)]
        assert there == image, "the flash does not hold the image"
        if self.sender == "esptool":
            around = board.flash[:PROGRAM_OFFSET] + board.flash[PROGRAM_OFFSET + len(image):]
            # Sectors are padded to 4 bytes with 0xFF, which is what erased flash holds.
            assert set(around) == {0xFF}, "something else was written"
        else:
            boot_loader = {"esp32": 0x1000}.get(self.chip, 0)
            assert (
                board.flash[boot_loader] == 0xE9 and board.flash[0x8000:0x8002] == b"\xaa\x50"
            ), "no boot loader, or no partition table"

    def check_an_independent_tool_accepts_the_image(self):
        code, output = self.xtask("image", "--output", str(self.image))
        assert code == 0, output
        words = [BESIDE / "esptool", "--chip", self.chip, "image-info", self.image]
        info = subprocess.run(
            words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ).stdout
        assert re.search(r"Checksum: 0x[0-9a-f]+ \(valid\)", info), info
        assert re.search(r"Validation hash: [0-9a-f]+ \(valid\)", info), info
        segments = re.findall(r"segment \d+: (0x[0-9a-f]+)", output)
        assert segments and all(segment in info for segment in segments), info

    def check_a_flash_arrives_byte_for_byte(self):
        with self.board(self.chip) as board:
            code, output = self.flash_to(board.port)
            assert code == 0, output
            again, output = self.flash_to(board.port)
        assert again == 0, output
        self.arrived(board)
        assert board.uploads.count(PROGRAM_OFFSET) == 1, "the second time it was there already"

    def check_a_lost_connection_is_resumed(self):
        first_piece_there = hex(PROGRAM_OFFSET + PIECE)
        with self.board(self.chip, "--lose-past", first_piece_there) as board:
            code, output = self.flash_to(board.port)
        assert code == 0 and "attempt 2 of 3" in output, output
        self.arrived(board)
        after = board.uploads[board.uploads.index(PROGRAM_OFFSET) + 1:]
        assert (
            after and PROGRAM_OFFSET not in after
        ), f"the first piece was sent again: {board.uploads}"
        assert PROGRAM_OFFSET + PIECE in after, board.uploads

    def check_a_connection_that_stays_lost_is_told(self):
        with self.board(self.chip, "--lose-past", "0") as board:
            code, output = self.flash_to(board.port, "--attempts", "1")
        assert code == PORT and "was lost while sending" in output, output

    def check_another_chip_gets_nothing(self):
        with self.board(self.other_chip) as board:
            code, output = self.flash_to(board.port)
        assert code == PORT and "nothing was sent" in output, output
        assert set(board.flash) == {0xFF}, "something was sent"

    def check_a_port_that_is_not_there_is_named(self):
        code, output = self.flash_to("/dev/no-such-port")
        assert code == PORT and "/dev/no-such-port is not there" in output, output

    def check_a_busy_port_is_told_with_the_program_that_has_it(self):
        with self.board(self.chip) as board:
            with open(board.device, "rb", buffering=0) as port:
                fcntl.flock(port, fcntl.LOCK_EX)
                code, output = self.flash_to(board.port)
        assert code == PORT and "is busy: " in output, output
        # Under its listed name nobody knows who has it.
        assert self.around or f"(process {os.getpid()})" in output, output
        assert not board.uploads, "something was sent"

    def check_a_dry_run_prints_every_step_and_sends_nothing(self):
        with self.board(self.chip) as board:
            code, output = self.flash_to(board.port, "--dry-run")
        verbs = {
            "esptool": ["elf2image", "chip-id", "write-flash"],
            "espflash": ["save-image", "board-info", "flash"],
        }[self.sender]
        steps = output.splitlines()
        assert code == 0 and [step.split()[0] for step in steps] == [self.sender] * 3, output
        assert all(f" {verb} " in f"{step} " for verb, step in zip(verbs, steps)), output
        assert all(f"--port {board.port}" in step for step in steps[1:]), output
        assert not board.uploads, "something was sent"

    def check_a_steps_line_is_what_one_can_type(self):
        with self.board(self.chip) as board:
            _, output = self.flash_to(board.port, "--dry-run")
            for step in output.splitlines():
                code, out = self.run([*self.around, "sh", "-c", step])
                assert code == 0, out
        # Its image is the one beside the program.
        self.arrived(board)

    def check_the_monitor_shows_what_the_board_says(self):
        text = self.path("says.txt")
        text.write_text("12 s: 48000 steps, 41 blocks\r\nevents\t0012ab\r\n")
        with self.board(self.chip, "--says", str(text)) as board:
            command = self.command(
                "monitor", "--port", board.port, "--no-reset", "--with", self.sender, elf=""
            )
            output = until("41 blocks", 20, command)
        assert "12 s: 48000 steps, 41 blocks" in output, output
        assert "0012ab" not in output, "the heap's events are for `watch` and `report`"

    def check_a_program_that_would_not_start_goes_no_further(self):
        program = pathlib.Path(self.elf).read_bytes()
        broken = self.path("broken.elf")
        broken.write_bytes(program.replace(0xABCD5432.to_bytes(4, "little"), bytes(4), 1))
        code, output = self.run(self.command("build", elf=str(broken)))
        assert code == IMAGE and "would not start" in output, output
        code, output = self.xtask("image", elf=str(broken))
        assert code == IMAGE and "an application descriptor must" in output, output

    def check_sizes_are_compared_by_section_and_by_crate(self):
        code, output = self.run([*self.command("build"), "--compare", self.elf])
        sums = re.findall(r"all +┆ +(\d+) ┆ +(\d+) ┆ +\+0", output)
        assert code == 0 and len(sums) == 2 and all(before == now for before, now in sums), output

    def check_a_program_that_cannot_be_built_is_told(self):
        code, output = self.run(self.command("build", "--bin", "no-such-program", elf=""))
        if self.chip == "esp32" and code == TOOL:  # Stock machines have no compiler for it.
            assert "install it with: cargo install espup" in output, output
            return
        assert code == BUILD and "`no-such-program` cannot be built" in output, output

    def all(self):
        names = [name for name in dir(self) if name.startswith("check_")]
        # The first makes the image that the others compare with.
        return sorted(names, key=lambda name: "independent" not in name)


def listing(folder, device):
    """What goes before a command that is to see `device` in the system's list of ports, as LISTED.
    What goes before a command that is to see `device` in the system's list of ports, as LISTED."""
    entry = folder / pathlib.Path(LISTED).name / "device"
    entry.mkdir(parents=True, exist_ok=True)
    subsystem = folder.with_name("pnp")
    subsystem.mkdir(exist_ok=True)
    if not (entry / "subsystem").exists():
        (entry / "subsystem").symlink_to(subsystem)
    script = (
        f'mount --bind "$1" {LISTED} && mount --bind "$2" /sys/class/tty && shift 2 && exec "$@"'
    )
    return [
        "unshare",
        "--mount",
        *([] if os.getuid() == 0 else ["--map-root-user"]),
        "sh",
        "-c",
        script,
        "sh",
        device,
        str(folder),
    ]


def can_list():
    with tempfile.TemporaryDirectory() as folder:
        words = [*listing(pathlib.Path(folder, "class"), "/dev/null"), "true"]
        return (
            shutil.which("unshare")
            and subprocess.run(words, stderr=subprocess.DEVNULL).returncode == 0
        )


def until(words, seconds, command):
    """What a command prints on a terminal until it says `words`; then it is ended."""
    child, terminal = pty.fork()
    if child == 0:
        os.execvpe(command[0], command, dict(os.environ, PATH=PATH))
    output, end = "", time.monotonic() + seconds
    while words not in output and time.monotonic() < end:
        if not select.select([terminal], [], [], 0.2)[0]:
            continue
        try:
            output += os.read(terminal, 4096).decode(errors="replace")
        except OSError:
            break
    os.write(terminal, b"\x03\x1d")  # Ctrl-C ends espflash, Ctrl-] miniterm
    time.sleep(0.3)
    os.close(terminal)
    os.waitpid(child, 0)
    return output


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--xtask", default="cargo --quiet xtask")
    arguments.add_argument("--chip", required=True)
    arguments.add_argument("--elf", required=True)
    arguments.add_argument("--only", default="", help="run the checks whose sentences contain this")
    arguments.add_argument(
        "--sender",
        choices=["esptool", "espflash"],
        action="append",
        help="this one only; both by default",
    )
    chosen, failed = arguments.parse_args(), 0
    senders = [
        sender
        for sender in chosen.sender or ("esptool", "espflash")
        if shutil.which(sender, path=PATH)
    ]
    if "espflash" in senders and not can_list():
        print(
            "left out espflash: it takes ports only that the system lists, and there is no mount "
            "namespace to list one in"
        )
        senders.remove("espflash")
    for sender in senders:
        checks = Checks(chosen, sender)
        for name in checks.all():
            sentence = name.removeprefix("check_").replace("_", " ")
            if chosen.only not in sentence and "independent" not in name:
                continue
            try:
                checks.around = []
                getattr(checks, name)()
                print(f"ok      {sender}: {sentence}", flush=True)
            except AssertionError as fault:
                failed += 1
                print(f"FAILED  {sender}: {sentence}: {fault}", flush=True)
    sys.exit(failed > 0)


main()
