# SPDX-License-Identifier: GPL-2.0-or-later
"""Questions and answers over a socket, one JSON object a line: the protocol of qemu and of the guest's agent.
An answer has the id of its question; a message without one is an event."""
import collections
import json
import socket
import threading


class JsonLines:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.changed = threading.Condition()
        self.answers = {}
        self.events = collections.deque(maxlen=1000)
        self.last_id = 0
        self.ended = False
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        try:
            for line in self.socket.makefile("r", encoding="utf-8", errors="replace"):
                self.told(json.loads(line))
        except OSError:
            pass
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def told(self, answer):
        with self.changed:
            if "id" in answer:
                self.answers[answer["id"]] = answer
            else:
                self.events.append(answer)
            self.changed.notify_all()

    def post(self, question):
        """Returns the id of the question, for wait()."""
        with self.changed:
            self.last_id += 1
            question = {**question, "id": self.last_id}
            self.socket.sendall(json.dumps(question).encode() + b"\n")
        return question["id"]

    def wait(self, question_id, timeout):
        self.wait_for(lambda: question_id in self.answers, timeout, "an answer")
        with self.changed:
            return self.answers.pop(question_id)

    def ask(self, question, timeout):
        return self.wait(self.post(question), timeout)

    def wait_for_event(self, matches, timeout, what):
        self.wait_for(lambda: any(map(matches, self.events)), timeout, what)

    def wait_for(self, condition, timeout, what):
        with self.changed:
            if not self.changed.wait_for(lambda: condition() or self.ended, timeout):
                raise TimeoutError(f"waited {timeout} s for {what}")
            if not condition():
                raise ConnectionError(f"the machine ended before {what}")

    def close(self):
        # Wakes the reader, which close() alone would not.
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
