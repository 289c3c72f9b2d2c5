"""Fuzzes the decoder, guided by coverage: ``python -m tests.lab.fuzz.fuzz [--seconds 60] [--seed 1] [TARGET ...]``.

The seconds are those of all targets together; they run side by side, one on each processor. What is found fails the
run and is left in ``build/fuzz``, with the command that shows it again. ``--keep`` takes new inputs that reach
new code into the corpus, and leaves out of it what reaches none.
"""

from __future__ import annotations

import argparse
import ast
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from packaging.requirements import Requirement

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
CORPUS = HERE / "corpus"
FOUND = ROOT / "build" / "fuzz"

#: What is instrumented: what reads what comes from outside.
READERS = [
    "txcdp.protocol._wire", "txcdp.protocol._records", "txcdp._core.dispatch",
 "txcdp._core.sessions.session_table", "txcdp._transports.frames",
    "txcdp._transports.pipe_framing",
]  # fmt: skip

#: How much of the time each target gets; the pipe has little to find.
SHARES = {"wire": 4, "connection": 4, "frames": 3, "pipe": 1}
SLOWEST = 10  # seconds for one input: more is a hang
LONGEST_KEPT = 4096  # bytes of one input in the corpus


def fuzz_one(name: str, arguments: list[str]) -> None:
    """Run libFuzzer on one target, in this process; it does not return."""
    import atheris

    with atheris.instrument_imports(include=READERS):
        from tests.lab.fuzz.targets import TARGETS
    from tests.lab.fuzz.mutator import mutate

    def mutator(data: bytes, longest: int, seed: int) -> bytes:
        return mutate(data, longest, seed, atheris.Mutate)

    options = {"custom_mutator": mutator} if name in ("wire", "connection") else {}
    atheris.Setup([os.environ.get("FUZZ_AGAIN", sys.argv[0]), *arguments], TARGETS[name], **options)
    atheris.Fuzz()


def command(name: str, *arguments: str) -> list[str]:
    """Return the command that fuzzes one target."""
    return [sys.executable, "-m", "tests.lab.fuzz.fuzz", "--one", name, *arguments]


def fuzz_all(names: list[str], seconds: float, seed: int, keep: bool) -> int:
    """Fuzz targets side by side; return how many found something."""
    FOUND.mkdir(parents=True, exist_ok=True)
    whole = sum(SHARES[name] for name in names)
    waiting = sorted(names, key=lambda name: -SHARES[name])
    running: list[tuple[str, subprocess.Popen[str], Path, float]] = []
    failed = 0
    while waiting or running:
        while waiting and len(running) < (os.cpu_count() or 1):
            name = waiting.pop(0)
            made = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
            log = made.with_suffix(".log")
            share = max(1, round(seconds * SHARES[name] / whole))
            arguments = [
                f"-max_total_time={share}", f"-seed={seed}", f"-timeout={SLOWEST}", f"-artifact_prefix={FOUND}/{name}-",
                f"-dict={HERE / 'cdp.dict'}", "-max_len=4096", "-rss_limit_mb=4096", "-print_final_stats=1",
                str(made), str(CORPUS / name),
            ]  # fmt: skip
            with log.open("w") as output:
                process = subprocess.Popen(
                    command(name, *arguments), cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, text=True
                )
            running.append((name, process, made, time.monotonic()))
        for each in [each for each in running if each[1].poll() is not None]:
            running.remove(each)
            failed += finish(*each, keep=keep)
        time.sleep(0.1)
    return failed


def finish(name: str, process: subprocess.Popen[str], made: Path, began: float, *, keep: bool) -> bool:
    """Print how one target went; return whether something was found."""
    log = made.with_suffix(".log")
    text = log.read_text(errors="replace")
    bad = process.returncode != 0
    runs = next((line.split()[-1] for line in text.splitlines() if "number_of_executed_units" in line), "?")
    print(
        f"{name:12} {runs:>8} runs in {time.monotonic() - began:5.1f} s, "
        f"{len(list(made.iterdir())):4} new inputs: {'FAILED' if bad else 'ok'}",
        flush=True,
    )
    if bad:
        print(text[-8000:])
        print(f"To see it again: {' '.join(command(name))} FILE, with the FILE in {FOUND} that is named above.")
    elif keep:
        merge(name, made)
    shutil.rmtree(made)
    log.unlink()
    return bad


def merge(name: str, made: Path) -> None:
    """Make the corpus of a target again: the smallest inputs that reach all that any of them reaches."""
    smallest = Path(tempfile.mkdtemp(prefix=f"merge-{name}-"))
    again = smallest.with_suffix(".sh")  # libFuzzer runs itself once more for that, as a program
    again.write_text(f'#!/bin/sh\nexec {shlex.join(command(name))} "$@"\n')
    again.chmod(0o700)
    done = subprocess.run(
        command(name, "-merge=1", f"-max_len={LONGEST_KEPT}", str(smallest), str(CORPUS / name), str(made)),
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "FUZZ_AGAIN": str(again)},
    )  # fmt: skip
    again.unlink()
    sizes = [path.stat().st_size for path in smallest.iterdir()]
    if done.returncode or not sizes:
        print(done.stderr[-4000:])
        raise SystemExit(f"{name}: merging failed")
    shutil.rmtree(CORPUS / name)
    shutil.copytree(smallest, CORPUS / name)
    shutil.rmtree(smallest)
    print(f"{name:12} keeps {len(sizes)} inputs, {sum(sizes)} bytes")


def can_be_had(**environment: str) -> bool:
    """Whether there is an atheris for this Python and system, as setup.py says.

    :param environment: what is otherwise here, such as ``sys_platform``.
    """
    nodes = ast.walk(ast.parse((ROOT / "setup.py").read_text(encoding="utf-8")))
    texts = [each.value for each in nodes if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    (wanted,) = [Requirement(each) for each in texts if each.startswith("atheris")]
    return wanted.marker is None or wanted.marker.evaluate(dict(environment))


def without_atheris(error: ImportError) -> int:
    """Say that nothing can be fuzzed; return the exit status, which is one only where something could be."""
    if can_be_had():
        print(
            f"Nothing was fuzzed: {error}. There is an atheris for this Python and system: install it with "
            f'{shlex.quote(sys.executable)} -m pip install -e ".[fuzz]" (or "make clean", after which make does so).'
        )
        return 1
    print("Fuzzing is skipped: there is no atheris for this Python and system (setup.py says for which there is).")
    return 0


def main() -> int:
    """Read the command line."""
    if sys.argv[1:2] == ["--one"]:
        fuzz_one(sys.argv[2], sys.argv[3:])
        return 0
    description = (__doc__ or "").partition(":")[0]
    parser = argparse.ArgumentParser(prog="python -m tests.lab.fuzz.fuzz", description=description)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"{', '.join(SHARES)}; all unless named")
    parser.add_argument("--seconds", type=float, default=60.0, help="for all targets together (60)")
    parser.add_argument("--seed", type=int, default=1, help="where the dice begin (1)")
    parser.add_argument("--keep", action="store_true", help="take what is new into the corpus")
    options = parser.parse_args()
    names = options.targets or list(SHARES)
    if not set(names) <= SHARES.keys():
        parser.error(f"no such target: {', '.join(set(names) - SHARES.keys())}")
    try:
        import atheris  # noqa: F401
    except ImportError as error:
        return without_atheris(error)
    return 1 if fuzz_all(names, options.seconds, options.seed, options.keep) else 0


if __name__ == "__main__":
    sys.exit(main())
