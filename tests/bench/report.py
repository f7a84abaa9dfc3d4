# SPDX-License-Identifier: GPL-2.0-or-later
"""The table for people, the record for programs, and the verdict."""

from dataclasses import asdict


def short(value):
    if value >= 1000:
        return f"{value:.0f}"
    return f"{value:.3g}"


def cell(spread):
    if spread is None:
        return "-"
    if spread.low == spread.high:
        return short(spread.median)
    return f"{short(spread.median)} ({short(spread.low)}-{short(spread.high)})"


def ratio_text(row, ratio, reference):
    """Always a factor above one and a word for its direction: "x2.3 faster than fuse2fs"."""
    if ratio is None:
        return f"no pair with {reference}"
    better, worse = row.words
    if ratio.median >= 1:
        word, median, low, high = better, ratio.median, ratio.low, ratio.high
    else:
        word, median, low, high = worse, 1 / ratio.median, 1 / ratio.high, 1 / ratio.low
    text = f"×{short(median)} {word} than {reference}"
    return text if low == high else f"{text} ({short(low)}-{short(high)})"


def pick_subject(peer_names):
    """The peer the ratios are about: Airlock, or the last one if Airlock is not among them."""
    return "airlock" if "airlock" in peer_names else peer_names[-1]


def table_lines(results):
    names = [peer.name for peer in results.peers]
    subject = pick_subject(names)
    references = [name for name in names if name != subject]
    lines = [["row", "", *names, *(f"{subject} against {name}" for name in references)]]
    for row in results.rows:
        line = [row.text, row.unit]
        line += [cell_or_failure(results, row, peer) for peer in results.peers]
        line += [comparison(results, row, subject, name) for name in references]
        lines.append(line)
    return align(lines)


def cell_or_failure(results, row, peer):
    if not results.applies(row, peer):
        return "-"
    if results.failures[row.name, peer.name]:
        return "FAILED"
    return cell(results.spread_of(row, peer.name))


def comparison(results, row, subject, reference):
    by_name = {peer.name: peer for peer in results.peers}
    if not all(results.applies(row, by_name[name]) for name in (subject, reference)):
        return ""
    return ratio_text(row, results.speed_ratio(row, subject, reference), reference)


def align(lines):
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return ["  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip()
            for line in lines]


def memory_lines(results):
    for peer in results.peers:
        sizes = results.memory.get(peer.name)
        if sizes:
            text = ", ".join(f"{name} {short(value)}" for name, value in sizes.items())
            yield f"largest driver of {peer.name}, MiB: {text}"


def record(results, settings):
    """Everything, as plain values for JSON."""
    names = [peer.name for peer in results.peers]
    subject = pick_subject(names)
    rows = {}
    for row in results.rows:
        peers = {name: {"values": list(results.values[row.name, name].values()),
                        "failures": results.failures[row.name, name]} for name in names}
        ratios = {name: results.speed_ratio(row, subject, name) for name in names
                  if name != subject}
        rows[row.name] = {"text": row.text, "unit": row.unit, "better": row.better,
                          "peers": peers, "subject": subject,
                          "ratios": {name: asdict(ratio) if ratio else None
                                     for name, ratio in ratios.items()}}
    return {"settings": settings, "rows": rows, "memory": results.memory}


def missed_bars(results, subject="airlock", references=("fuse2fs",)):
    """One line for each missed bar."""
    for row in results.rows:
        for reference in references if row.bar is not None else ():
            ratio = results.speed_ratio(row, subject, reference)
            if ratio is None:
                yield f"{row.name}: no ratio to {reference}"
            # Level does not count as ahead.
            elif ratio.median < row.bar or ratio.median <= 1 <= row.bar:
                yield (f"{row.name}: {ratio_text(row, ratio, reference)}, "
                       f"should be ×{short(row.bar)} {row.words[0]}")
        if row.limit is not None:
            seen = results.spread_of(row, subject)
            if seen is None:
                yield f"{row.name}: no figure"
            elif getattr(seen, row.limit_on) > row.limit:
                yield (f"{row.name}: {cell(seen)} {row.unit}, "
                       f"the {row.limit_on} may be {short(row.limit)}")


def behind_without_bar(results, subject="airlock", references=("fuse2fs",)):
    """Rows without a bar in which a reference is better."""
    for row in results.rows:
        for reference in references if row.bar is None else ():
            ratio = results.speed_ratio(row, subject, reference)
            if ratio is not None and ratio.median < 1:
                yield f"{row.name}: {ratio_text(row, ratio, reference)}"
