"""Memory in a process of its own."""

import subprocess
import sys

import pytest

HEAPS = """
import re, threading
from streamer.process import memory
if {settled}:
    memory.limit_malloc_arenas()
begun = threading.Barrier(9)
def work():
    kept = [bytes(200) for _ in range(20000)]  # so small that they come from a heap
    begun.wait()
    begun.wait()
for _ in range(8):
    threading.Thread(target=work, daemon=True).start()
begun.wait()
lines = [line for line in open('/proc/self/maps') if len(line.split()) == 5 and ' rw-p ' in line]
starts = [int(line.split('-')[0], 16) for line in lines]
print(sum(start % (64 << 20) == 0 for start in starts))
begun.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc alone has such heaps")
def test_threads_share_few_heaps():
    assert heaps(settled=False) >= 8
    assert heaps(settled=True) <= 2


def heaps(*, settled):
    """How many of its own a process with eight threads has."""
    program, env = HEAPS.format(settled=settled), {"PYTHONMALLOC": "malloc"}
    return int(subprocess.run([sys.executable, "-c", program], env=env, check=True, capture_output=True).stdout)
