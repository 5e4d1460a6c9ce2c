"""ZeroMQ: results out, commands in. The only package that imports zmq."""
