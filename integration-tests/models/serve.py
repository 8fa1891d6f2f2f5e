"""Serves one model on loopback until it is told to stop."""

import os
import signal
import sys
import threading

import xllamacpp

params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.hostnames = ["127.0.0.1"]
params.port = 0
params.n_ctx = 4096
params.n_parallel = 1
# Half of the cores: threads that wait for one another are slow where others are at work too.
params.cpuparams.n_threads = max(1, min(4, (os.cpu_count() or 1) // 2))
# The same question gets the same answer, as far as arithmetic allows.
params.sampling.temp = 0.0
params.sampling.seed = 1
params.warmup = False

server = xllamacpp.Server(params)
print(f"serving {server.listening_address}/v1", flush=True)

stop = threading.Event()
for name in (signal.SIGTERM, signal.SIGINT):
    signal.signal(name, lambda *_: stop.set())

while not stop.wait(0.5):
    pass
# The library's threads have no end of their own.
os._exit(0)
