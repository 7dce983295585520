"""The benchmarks one after the other, what they print put into docs/performance.md.

    .venv/bin/python -m bench [NAME …]

All of them take about fifteen minutes on two cores that nothing else uses; the longer forms, and how they are called,
stand in docs/performance.md. A comparison with other engines is `make bench-peers`.
"""

import argparse
import subprocess
import sys

from bench.page import machine, put
from bench.product import ROOT

BENCHES = {
    "anatomy": ["--rounds", "30"],
    "main_job": ["--rounds", "25", "--seconds", "4"],
    "contract": ["--rounds", "15"],
    "mails": ["--rounds", "3", "--mails", "600"],
    "devices": ["--devices", "1000", "--seconds", "60"],
    "reads": ["--rows", "100000", "--rounds", "60"],
    "growth": ["--procedures", "1000", "--rounds", "25"],
}


def run(name: str, options: list[str]) -> None:
    command = ["-m", f"bench.{name}", *options]
    print(f"\n## {' '.join(['python', *command])}", flush=True)
    process = subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    said = []
    for line in process.stdout or ():
        said.append(line.rstrip())
        print(said[-1], flush=True)
    if process.wait() != 0:
        raise SystemExit(f"{name} failed")
    heading = f"`.venv/bin/python {' '.join(command)}` ({machine()})"
    put(name, "\n".join([heading, "", "```text", *said, "```"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHES))
    chosen = parser.parse_args().names or list(BENCHES)
    if unknown := set(chosen) - set(BENCHES):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    for name in chosen:
        run(name, BENCHES[name])


if __name__ == "__main__":
    main()
