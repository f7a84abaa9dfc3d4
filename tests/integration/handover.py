# SPDX-License-Identifier: GPL-2.0-or-later
"""Sends descriptors to airlockd, as PrepareHandover in org.airlock1.Manager says."""
import socket


def send(path, *descriptors):
    """To the socket that PrepareHandover named, which stands for them in the next call."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
        line.connect(path)
        socket.send_fds(line, [b"files"], list(descriptors))
    return path
