"""The example of examples/edges: compiled on this machine, and what it must compute, by other means."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.server import CHECKOUT

EXAMPLE = CHECKOUT / "examples" / "edges"
PORTRAIT = EXAMPLE / "portrait.pgm"


def compiled(folder: Path) -> Path:
    """The program, compiled as in its Dockerfile; skips where there is no C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler: no cc on the PATH")
    program = folder / "edges"
    options = ("-std=c11", "-Wall", "-Wextra", "-Werror", "-O2")
    made = subprocess.run(
        [compiler, *options, "-o", program, EXAMPLE / "edges.c", "-lm"], capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    return program


def run(
    program: Path, inputs: Path, outputs: Path, environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [program, inputs, outputs]
    return subprocess.run(command, env=environ or {}, capture_output=True, text=True, timeout=60)


def pgm(pixels: np.ndarray[Any, Any], white: int = 255) -> bytes:
    height, width = pixels.shape
    return f"P5\n{width} {height}\n{white}\n".encode() + pixels.astype(np.uint8).tobytes()


def read_pgm(content: bytes) -> np.ndarray[Any, Any]:
    """The pixels of a PGM as pgm() writes it, and the program."""
    kind, size, white, pixels = content.split(b"\n", 3)
    assert (kind, white) == (b"P5", b"255")
    width, height = map(int, size.split())
    return np.frombuffer(pixels, np.uint8).reshape(height, width)


def strengths(pixels: np.ndarray[Any, Any], white: int = 255) -> np.ndarray[Any, Any]:
    """What the program must find: Sobel's two kernels over the image, whose border is doubled."""
    kernel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    around = np.lib.stride_tricks.sliding_window_view(np.pad(pixels.astype(int), 1, mode="edge"), (3, 3))
    across, down = (np.einsum("yxij,ij->yx", around, each) for each in (kernel, kernel.T))
    strength = np.minimum(np.sqrt(across**2 + down**2) * (255 / (4 * white)), 255)
    return np.array(strength + 0.5, dtype=np.uint8)
