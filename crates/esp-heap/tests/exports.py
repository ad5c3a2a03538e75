"""Check: other people's tools read what `cargo esp-heap report` writes for them, and see the same.

    exports.py --esp-heap COMMAND [--input FILE] [--elf FILE] [--viewer dh_view.js]

Readers: valgrind's dh_view.js (in node), heaptrack_print, Python's csv, and the rules of the Trace
Event Format. A reader that is not installed is named; with --all that is a failure. Every check is
a sentence; the exit code is 0 if all hold.
"""

import argparse
import csv
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

VIEWER = "/usr/libexec/valgrind/dh_view.js"

# Loads the viewer with a page that takes everything, has it read the file, and prints the root of
# its tree.
DHAT = r"""
const vm = require("vm"), fs = require("fs");
const element = () => new Proxy(function () {}, {
  get: (_, name) => name === "childNodes" ? []
    : name === "selectedIndex" ? 0
    : name === Symbol.toPrimitive ? () => "" : element(),
  set: () => true, apply: () => element(), construct: () => element(),
});
const page = vm.createContext({
  document: element(), window: element(), performance, Intl, console, URLSearchParams,
});
vm.runInContext(fs.readFileSync(process.argv[1], "utf8"), page);
page.text = fs.readFileSync(process.argv[2], "utf8");
vm.runInContext("gData = JSON.parse(text); gSelect = { childNodes: [], selectedIndex: 0 };", page);
vm.runInContext(`const define = (name, value) =>
    Object.defineProperty(gSelect.childNodes, name, { value });
  define(0, { disabled: false });
  define("entries", () => []);`, page);
vm.runInContext("buildTree()", page);
console.log(vm.runInContext(`JSON.stringify({
  total: gRoot._totalBytes, blocks: gRoot._totalBlocks, peak: gRoot._atTGmaxBytes,
  end: gRoot._atTEndBytes, frames: gData.ftbl.length })`, page));
"""

PHASES = {"M", "C", "i"}


class Missing(Exception):
    pass


class Checks:
    def __init__(self, chosen):
        self.viewer = chosen.viewer
        self.folder = tempfile.TemporaryDirectory()
        folder = pathlib.Path(self.folder.name)
        names = ["dhat", "perfetto", "heaptrack", "csv", "collapsed", "recorded"]
        self.files = {name: folder / f"export.{name}" for name in names}
        words = [*chosen.esp_heap.split(), "report", "--out", str(folder / "report.html")]
        words += [chosen.input] if chosen.input else []
        words += ["--elf", chosen.elf] if chosen.elf else []
        for name, file in self.files.items():
            words += [f"--{name}", str(file)]
        self.esp_heap = chosen.esp_heap.split()
        subprocess.run(words, check=True, stdout=subprocess.PIPE, timeout=1800)
        with open(self.files["csv"], newline="") as file:
            self.rows = list(csv.DictReader(file))
        self.events = [row for row in self.rows if row["event"]]

    def came(self):
        return [row for row in self.events if row["kind"] in ("allocated", "resized")]

    def live(self):
        return [int(row["live_bytes"]) for row in self.events]

    def check_the_table_adds_up(self):
        # Blocks that came where others were, and resets, are told by the table, not by this sum.
        whole = not any(row["kind"] in ("missing", "restarted") for row in self.rows)
        live = 0
        for row in self.events:
            kind, size = row["kind"], int(row["size"] or 0)
            if kind == "allocated":
                live += size
            elif kind == "resized":
                live += size - int(row["old_size"] or 0)
            elif kind == "freed":
                live -= size
            assert not whole or live == int(row["live_bytes"]), row

    def check_the_viewer_of_dhat_sees_the_same(self):
        node = shutil.which("node")
        if not node or not pathlib.Path(self.viewer).is_file():
            raise Missing("node and valgrind's dh_view.js")
        seen = subprocess.run(
            [node, "-e", DHAT, self.viewer, self.files["dhat"]],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert seen.returncode == 0, seen.stderr
        seen = json.loads(seen.stdout)
        expected = dict(
            total=sum(int(row["size"]) for row in self.came()),
            blocks=len(self.came()),
            peak=max(self.live()),
            end=self.live()[-1],
        )
        assert {name: seen[name] for name in expected} == expected, (seen, expected)

    def check_heaptrack_sees_the_same(self):
        if not shutil.which("heaptrack_print"):
            raise Missing("heaptrack_print")
        words = ["heaptrack_print", "--print-leaks", "1", str(self.files["heaptrack"])]
        text = subprocess.run(
            words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ).stdout
        calls = int(re.search(r"^calls to allocation functions: (\d+)", text, re.M)[1])
        assert calls == len(self.came()), (calls, len(self.came()))
        for what, bytes in [
            ("peak heap memory consumption", max(self.live())),
            ("total memory leaked", self.live()[-1]),
        ]:
            number, unit = re.search(rf"^{what}: ([\d.]+)([KMG]?B?)", text, re.M).groups()
            scale = {"K": 1000, "M": 1000**2, "G": 1000**3}.get(unit[:1], 1)
            assert abs(float(number) * scale - bytes) <= 0.01 * scale, (what, number, unit, bytes)

    def check_a_trace_keeps_the_rules_of_its_format(self):
        trace = json.loads(self.files["perfetto"].read_text())
        last = {}
        for event in trace["traceEvents"]:
            assert event["ph"] in PHASES and isinstance(event["pid"], int) and event["name"], event
            if event["ph"] == "M":
                continue
            assert event["ts"] >= last.get("time", 0), "time goes back"
            last["time"] = event["ts"]
            if event["ph"] == "C":
                assert event["args"] and all(
                    isinstance(value, (int, float)) for value in event["args"].values()
                ), event
                last[event["pid"], event["name"]] = event["args"]["bytes"]
            else:
                assert event["s"] in "gpt", event
        assert last[1, "total"] == self.live()[-1]
        owners = sum(bytes for key, bytes in last.items() if key[0] == 2)
        assert owners == self.live()[-1], "the owners' bytes are all bytes"

    def check_collapsed_stacks_are_the_peak(self):
        lines = [line.rsplit(" ", 1) for line in self.files["collapsed"].read_text().splitlines()]
        assert all(stack and not stack.endswith(";") for stack, _ in lines)
        assert sum(int(bytes) for _, bytes in lines) == max(self.live())

    def check_the_recorded_trace_is_replayed(self):
        words = [
            *self.esp_heap,
            "sim",
            "--trace",
            str(self.files["recorded"]),
            "--out",
            self.folder.name,
            "--json",
        ]
        run = subprocess.run(words, stdout=subprocess.PIPE, text=True, timeout=1800)
        assert run.returncode in (0, 4), run
        figures = {figure["metric"]: figure["value"] for figure in json.loads(run.stdout)}
        if run.returncode == 0:
            assert figures["peak_live_bytes"] == max(self.live()), figures


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--esp-heap", default="cargo esp-heap")
    arguments.add_argument("--input")
    arguments.add_argument("--elf")
    arguments.add_argument("--viewer", default=VIEWER)
    arguments.add_argument(
        "--all", action="store_true", help="a reader that is not installed is a failure"
    )
    chosen = arguments.parse_args()
    checks, failed = Checks(chosen), 0
    for name in sorted(name for name in dir(checks) if name.startswith("check_")):
        sentence = name.removeprefix("check_").replace("_", " ")
        try:
            getattr(checks, name)()
            print(f"ok      {sentence}", flush=True)
        except Missing as reader:
            failed += chosen.all
            print(f"skipped {sentence}: {reader} not installed", flush=True)
        except AssertionError as fault:
            failed += 1
            print(f"FAILED  {sentence}: {fault}", flush=True)
    sys.exit(failed > 0)


main()
