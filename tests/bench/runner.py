# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the groups: for every round and group, one peer after the other on the same device."""

from groups import GROUPS, Bench, rows_of
from peers import Mount
from results import Results
from rows import ON_REQUEST
from system import StepFailed, say


class Runner:
    def __init__(self, rows, peers, setup):
        self.rows = rows
        self.peers = peers
        self.setup = setup  # medium, workload, archive, sizes, rounds, cores
        self.results = Results(rows, peers)

    def run(self):
        for peer in self.peers:
            self.warm_up(peer)
        for round_number in range(self.setup.rounds):
            # The first peer rotates, so that effects of ageing during a run hit all peers.
            shift = round_number % len(self.peers)
            order = self.peers[shift:] + self.peers[:shift]
            largest = {peer.name: [] for peer in self.peers}
            for group in self.groups():
                for peer in self.concerned(group, order):
                    say(f"round {round_number + 1}/{self.setup.rounds}: {group}, {peer.name}")
                    largest[peer.name] += self.run_group(group, peer, round_number)
            self.add_memory(largest, round_number)
        return self.results

    def groups(self):
        """The groups with a requested row; sizes in memory alone need all groups."""
        wanted = {row.group for row in self.rows} & GROUPS.keys()
        return [group for group in GROUPS
                if group in wanted or (not wanted and group not in ON_REQUEST)]

    def concerned(self, group, peers):
        """The peers for which the group has a row; all peers if none of its rows was requested."""
        rows = [row for row in self.rows if row.group == group]
        return [peer for peer in peers
                if not rows or any(self.results.applies(row, peer) for row in rows)]

    def warm_up(self, peer):
        """Loads the programs into memory; a failure will happen again where it counts."""
        mount = Mount(peer, self.setup.medium, self.setup.workload, self.setup.cores)
        try:
            self.setup.medium.format()
            mount.mount()
        except StepFailed as failure:
            say(f"warming up {peer.name}: {failure}")
        finally:
            mount.abandon()

    def run_group(self, group, peer, round_number):
        mount = Mount(peer, self.setup.medium, self.setup.workload, self.setup.cores)
        bench = Bench(mount, self.setup.sizes, self.setup.archive)
        try:
            self.measure(group, bench, peer, round_number)
        except StepFailed as failure:
            self.fail_rest(group, peer, round_number, str(failure))
        finally:
            mount.abandon()
        return mount.memory_at_end

    def measure(self, group, bench, peer, round_number):
        self.setup.medium.format()
        bench.mount_seconds = bench.mount.mount()
        for row_name, value in GROUPS[group](bench):
            self.results.add(row_name, peer, round_number, value)
        if bench.mount.mounted():
            bench.mount.unmount()

    def fail_rest(self, group, peer, round_number, reason):
        say(f"  failed: {reason}")
        owed = [row for row in self.results.rows if row.name in rows_of(group)
                and self.results.applies(row, peer)
                and self.results.missing(row.name, peer, round_number)]
        for index, row in enumerate(owed):
            self.results.fail(row.name, peer, reason if index == 0 else f"not reached: {reason}")
        if not owed:
            # All figures exist, so the cleanup failed: the last row reports it.
            self.results.fail(rows_of(group)[-1], peer, f"afterwards: {reason}")

    def add_memory(self, largest, round_number):
        for peer in self.peers:
            sizes = largest[peer.name]
            if not sizes:
                continue
            top = {kind: max(size[kind] for size in sizes) for kind in sizes[0]}
            self.results.add("resident_end", peer, round_number, top["resident"])
            self.results.add("resident_peak", peer, round_number, top["peak"])
            before = self.results.memory.get(peer.name, top)
            self.results.memory[peer.name] = {kind: max(value, before[kind])
                                              for kind, value in top.items()}
