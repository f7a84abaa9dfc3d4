# SPDX-License-Identifier: GPL-2.0-or-later
"""The results: values per row, peer and round, and the reasons for missing ones."""

import statistics
from dataclasses import dataclass

from rows import HIGHER


@dataclass(frozen=True)
class Spread:
    median: float
    low: float
    high: float


def spread(values):
    return Spread(statistics.median(values), min(values), max(values))


class Results:
    """Every requested row ends as values or as a failure for each peer; none is lost."""

    def __init__(self, rows, peers):
        self.rows = rows
        self.peers = peers  # Peer objects
        self.values = {(row.name, peer.name): {} for row in rows for peer in peers}
        self.failures = {key: [] for key in self.values}
        self.memory = {}  # peer name -> the largest of each kind of size, MiB

    def applies(self, row, peer):
        if row.alone and peer.name != "airlock":
            return False
        return peer.driver is not None or not row.name.startswith("resident")

    def add(self, row_name, peer, round_number, value):
        if (row_name, peer.name) in self.values:
            self.values[row_name, peer.name][round_number] = value

    def fail(self, row_name, peer, reason):
        if (row_name, peer.name) in self.failures:
            self.failures[row_name, peer.name].append(reason)

    def missing(self, row_name, peer, round_number):
        return round_number not in self.values.get((row_name, peer.name), {})

    def spread_of(self, row, peer_name):
        values = list(self.values[row.name, peer_name].values())
        return spread(values) if values else None

    def failed_entries(self, rounds):
        """(row, peer, reason) for all incomplete rows, even without a reported reason."""
        for row in self.rows:
            for peer in self.peers:
                if not self.applies(row, peer):
                    continue
                reasons = self.failures[row.name, peer.name]
                count = len(self.values[row.name, peer.name])
                if not reasons and count < rounds:
                    reasons = [f"only {count} of {rounds} rounds gave a figure"]
                for reason in dict.fromkeys(reasons):
                    yield row, peer, reason

    def speed_ratio(self, row, subject, reference):
        """How many times better the subject is, paired round by round; None without a pair."""
        ours = self.values[row.name, subject]
        theirs = self.values[row.name, reference]
        ratios = [better_by(row, ours[number], theirs[number])
                  for number in ours.keys() & theirs.keys()
                  if ours[number] > 0 and theirs[number] > 0]
        return spread(ratios) if ratios else None


def better_by(row, ours, theirs):
    return ours / theirs if row.better == HIGHER else theirs / ours
