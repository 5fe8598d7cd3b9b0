"""From results to tables: medians, ratios, targets. Pure, but for reading the files of results.

A ratio is ours divided by theirs, taken in each round and then the median of those: what the machine
did in one round hits both sides of it. Below 1 ours is cheaper.
"""
import collections
import json
import statistics

OURS = 'csmsg'
PAIRS = (10, 100, 1000, 5000)
MEMBERS = (10, 100, 1000, 5000)
WAITING = (10, 1000, 100000, 1000000)

# A figure: the case it belongs to, its key in a result, how a reader calls it, digits behind the point,
# the factor from a result's unit to the one shown.
Figure = collections.namedtuple('Figure', 'case key title digits factor')
FIGURES = [
    Figure('S1', 'p50_us', 'S1 ping-pong, one way p50 µs', 0, 1),
    Figure('S1', 'p99_us', 'S1 p99 µs', 0, 1),
    Figure('S1', 'cpu_us', 'S1 CPU µs', 1, 1),
    Figure('S1', 'switches', 'S1 wake-ups', 2, 1),
    Figure('S2 64 B', 'rate', 'S2 64 B, k msg/s', 0, 1e-3),
    Figure('S2 64 B', 'cpu_us', 'S2 64 B CPU µs', 2, 1),
    Figure('S2 1024 B', 'rate', 'S2 1024 B, k msg/s', 0, 1e-3),
    Figure('S2 1024 B', 'cpu_us', 'S2 1024 B CPU µs', 2, 1),
    Figure('S3', 'rate', 'S3 room of 1000, k deliveries/s', 0, 1e-3),
    Figure('S3', 'cpu_us', 'S3 CPU µs', 2, 1),
    Figure('S4', 'cpu_us', 'S4 login CPU µs', 0, 1),
    Figure('S4', 'first_cpu_us', 'S4 first login CPU µs', 0, 1),
    Figure('S4', 'bytes_per_conn', 'S4 bytes per idle connection', 0, 1),
    Figure('S5', 'rate', 'S5 stored, k msg/s', 1, 1e-3),
    Figure('S5', 'cpu_us', 'S5 CPU µs', 2, 1),
    Figure('S5', 'lost', 'S5 lost after kill -9', 0, 1),
    Figure('S6', 'p50_us', 'S6 mixed p50 µs', 0, 1),
    Figure('S6', 'p99_us', 'S6 p99 µs', 0, 1),
    Figure('S6', 'cpu_us', 'S6 CPU µs', 2, 1),
    Figure('S6', 'storm_s', 'S6 all 2,000 back after s', 2, 1),
    Figure('S6', 'storm_p99_us', 'S6 p99 in the storm, ms', 0, 1e-3),
    Figure('S6', 'lost', 'S6 lost', 0, 1)]

# A target: ours at most `most` times what this peer has. stretch: hoped for, not asked for.
Target = collections.namedtuple('Target', 'case key peer most stretch')
TARGETS = [
    Target('S2 64 B', 'cpu_us', 'inspircd', 0.9, False),
    Target('S2 64 B', 'cpu_us', 'mosquitto-tls', 1 / 15, False),
    Target('S2 64 B', 'cpu_us', 'nats-tls', 1.0, True),
    Target('S2 1024 B', 'cpu_us', 'nats-tls', 1.0, False),
    Target('S3', 'cpu_us', 'nats-tls', 0.5, False),
    Target('S3', 'cpu_us', 'inspircd', 1.0, True),
    Target('S1', 'p50_us', 'ngircd-tls', 1.0, False),
    Target('S4', 'cpu_us', 'nats-tls', 0.5, False),
    Target('S4', 'bytes_per_conn', 'ngircd-tls', 0.1, False),
    Target('S5', 'cpu_us', 'mosquitto', 1.0, False)]

# How something grows: the cases by size, the key, at most this from the smallest to the largest figure.
Growth = collections.namedtuple('Growth', 'title cases key most')
GROWTHS = [
    Growth('S2 by pairs: CPU µs per message', ['S7 %d pairs' % n for n in PAIRS], 'cpu_us', 1.5),
    Growth('S3 by members: CPU µs per delivery', ['S7 %d members' % n for n in MEMBERS], 'cpu_us', 1.5),
    Growth('login µs by messages waiting for others', ['S7 %d waiting' % n for n in WAITING], 'p50_us',
           1.5)]

# Ours must hold these whatever the speed; counted in every result that has the key.
PROMISES = ('lost', 'unacked', 'strays', 'disorder', 'stuck_till_nudged', 'stalled')


def read(paths):
    """The results and the machine's description of some files of JSON lines."""
    rows, about = [], {}
    for path in paths:
        with open(path, encoding='utf-8') as lines:
            for line in lines:
                value = json.loads(line)
                if 'machine' in value:
                    about = value['machine']
                else:
                    rows.append(value)
    return rows, about


def by_round(rows, server, case, key):
    """{round: value} of one server's figure."""
    return {row['round']: row[key] for row in rows
            if row['server'] == server and row['case'] == case and key in row}


def median(rows, server, case, key):
    """The median over the rounds, None without results."""
    values = by_round(rows, server, case, key).values()
    return statistics.median(values) if values else None


def ratio(rows, server, case, key):
    """Ours / theirs: the median of the rounds that have both; None when there is none."""
    ours, theirs = by_round(rows, OURS, case, key), by_round(rows, server, case, key)
    ratios = [ours[turn] / theirs[turn] for turn in ours if theirs.get(turn)]
    return statistics.median(ratios) if ratios else None


def growth(rows, server, row):
    """Largest / smallest of the medians over the sizes; None unless two sizes were measured."""
    values = [median(rows, server, case, row.key) for case in row.cases]
    values = [value for value in values if value]
    return max(values) / min(values) if len(values) > 1 else None


def broken_promises(rows):
    """Words for everything of ours that was lost, repeated, left lying or could not be measured."""
    words = []
    for row in rows:
        if row['server'] != OURS:
            continue
        where = '%s, round %d' % (row['case'], row['round'])
        if 'failed' in row:
            words.append('%s: %s' % (where, row['failed']))
        words += ['%s: %s %d' % (where, key, row[key]) for key in PROMISES if row.get(key)]
    return words


def judge(rows):
    """[(words, figure, limit, 'met' | 'not met' | 'not measured')] of every target."""
    verdicts = []

    def add(words, value, limit):
        verdict = 'not measured' if value is None else 'met' if value <= limit else 'not met'
        verdicts.append((words, value, limit, verdict))

    titles = {(figure.case, figure.key): figure.title for figure in FIGURES}
    for target in TARGETS:
        add('%s, ours / %s%s' % (titles[target.case, target.key], target.peer,
                                 ' (stretch)' if target.stretch else ''),
            ratio(rows, target.peer, target.case, target.key), target.most)
    for row in GROWTHS:
        add('S7 %s, largest / smallest' % row.title, growth(rows, OURS, row), row.most)
    stored = by_round(rows, OURS, 'S5', 'lost')
    add('S5 messages of ours lost after kill -9', max(stored.values()) if stored else None, 0)
    return verdicts


def number(value, digits):
    """A figure for people."""
    return '-' if value is None else '{:,.{}f}'.format(value, digits)


def cell(rows, server, figure):
    """One figure of one server, with ours / theirs in brackets."""
    value = median(rows, server, figure.case, figure.key)
    if value is None:
        return '-'
    text = number(value * figure.factor, figure.digits)
    counted = figure.key in ('rate', 'lost') or server == OURS
    share = None if counted else ratio(rows, server, figure.case, figure.key)
    return text if share is None else '%s (%.2f)' % (text, share)


def players(rows):
    """The servers that have a result, in the order in which they came."""
    return list(dict.fromkeys(row['server'] for row in rows))


def table(rows):
    """[[heading, server, ...], [figure, cell, ...], ...]; figures that nobody has are left out."""
    names = players(rows)
    lines = [[''] + names]
    for figure in FIGURES:
        cells = [cell(rows, name, figure) for name in names]
        if any(text != '-' for text in cells):
            lines.append([figure.title] + cells)
    return lines


def growth_tables(rows):
    """As table(), one for each growth: servers by sizes, and largest / smallest."""
    tables = []
    for row in GROWTHS:
        lines = [[row.title] + [case.split()[1] for case in row.cases] + ['largest / smallest']]
        for name in players(rows):
            values = [median(rows, name, case, row.key) for case in row.cases]
            if any(value is not None for value in values):
                lines.append([name] + [number(value, 2 if row.key == 'cpu_us' else 0) for value in values]
                             + [number(growth(rows, name, row), 2)])
        if len(lines) > 1:
            tables.append(lines)
    return tables


def failures(rows):
    """{(server, case): why} of what could not be measured in any round."""
    done = {(row['server'], row['case']) for row in rows if 'failed' not in row}
    return {(row['server'], row['case']): row['failed'] for row in rows
            if 'failed' in row and (row['server'], row['case']) not in done}


def align(lines):
    """A table as text in columns."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return '\n'.join('  '.join([line[0].ljust(widths[0])] + [
        text.rjust(width) for text, width in zip(line[1:], widths[1:])]) for line in lines)


def text_table(rows):
    """Everything, for a terminal."""
    parts = [align(lines) for lines in [table(rows)] + growth_tables(rows) if len(lines) > 1]
    parts.append('(in brackets: ours / theirs; below 1 ours needs less)')
    verdicts = [[words, number(value, 3), '<= ' + number(limit, 3), verdict]
                for words, value, limit, verdict in judge(rows) if value is not None]
    if verdicts:
        parts.append(align([['target', 'figure', 'limit', '']] + verdicts))
    parts += ['%s cannot play %s: %s' % (server, case, why)
              for (server, case), why in failures(rows).items()]
    parts += ['BROKEN PROMISE: %s' % words for words in broken_promises(rows)]
    return '\n\n'.join(parts)


def one_line(row):
    """One result while the run goes on."""
    if 'failed' in row:
        return '%s %s: failed: %s' % (row['case'], row['server'], row['failed'])
    keys = ('rate', 'cpu_us', 'p50_us', 'lost', 'bytes_per_conn')
    return '%s %s: %s' % (row['case'], row['server'], '  '.join(
        '%s %.4g' % (key, row[key]) for key in keys if key in row))
