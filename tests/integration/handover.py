# SPDX-License-Identifier: GPL-2.0-or-later
"""Sends descriptors to airlockd, as documented for PrepareHandover in org.airlock1.Manager."""
import socket


def send(path, *descriptors):
    """Sends to the socket named by PrepareHandover, whose path names them in the next call."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
        line.connect(path)
        socket.send_fds(line, [b"files"], list(descriptors))
    return path
