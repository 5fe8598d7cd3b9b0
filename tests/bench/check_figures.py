"""Checks the arithmetic of figures.py: medians, ratios by round, targets, growth, promises."""
import unittest

import figures


def row(server, turn, case='S2 64 B', **values):
    """A result."""
    return {'server': server, 'round': turn, 'case': case, **values}


class Ratios(unittest.TestCase):
    """Ours against theirs."""

    ROWS = [row('csmsg', 1, cpu_us=2.0), row('csmsg', 2, cpu_us=4.0), row('csmsg', 3, cpu_us=3.0),
            row('inspircd', 1, cpu_us=1.0), row('inspircd', 2, cpu_us=8.0),
            row('inspircd', 3, cpu_us=1.0)]

    def test_median(self):
        self.assertEqual(figures.median(self.ROWS, 'csmsg', 'S2 64 B', 'cpu_us'), 3.0)
        self.assertIsNone(figures.median(self.ROWS, 'csmsg', 'S3', 'cpu_us'))
        self.assertIsNone(figures.median(self.ROWS, 'csmsg', 'S2 64 B', 'rate'))

    def test_ratio_is_taken_in_each_round(self):
        # rounds: 2, 0.5, 3; the ratio of the medians would be 3
        self.assertEqual(figures.ratio(self.ROWS, 'inspircd', 'S2 64 B', 'cpu_us'), 2.0)

    def test_rounds_that_one_side_lacks_do_not_count(self):
        rows = self.ROWS + [row('nats', 2, cpu_us=1.0), row('nats', 4, cpu_us=100.0)]
        self.assertEqual(figures.ratio(rows, 'nats', 'S2 64 B', 'cpu_us'), 4.0)

    def test_nothing_to_divide_by(self):
        self.assertIsNone(figures.ratio(self.ROWS, 'nats', 'S2 64 B', 'cpu_us'))
        rows = self.ROWS + [row('nats', 1, cpu_us=0.0)]
        self.assertIsNone(figures.ratio(rows, 'nats', 'S2 64 B', 'cpu_us'))


class Verdicts(unittest.TestCase):
    """Targets."""

    def verdict(self, rows, words):
        found = [entry[3] for entry in figures.judge(rows) if words in entry[0]]
        self.assertEqual(len(found), 1, words)
        return found[0]

    def test_limit_is_included(self):
        for ours, expected in ((0.9, 'met'), (0.91, 'not met')):
            rows = [row('csmsg', 1, cpu_us=ours), row('inspircd', 1, cpu_us=1.0)]
            self.assertEqual(self.verdict(rows, 'S2 64 B CPU µs, ours / inspircd'), expected)

    def test_not_measured(self):
        self.assertEqual(self.verdict([], 'S2 64 B CPU µs, ours / inspircd'), 'not measured')
        self.assertEqual(self.verdict([], 'lost after kill -9'), 'not measured')

    def test_one_lost_message_in_one_round(self):
        rows = [row('csmsg', turn, 'S5', lost=lost) for turn, lost in ((1, 0), (2, 1), (3, 0))]
        self.assertEqual(self.verdict(rows, 'lost after kill -9'), 'not met')
        self.assertEqual(self.verdict(rows[:1], 'lost after kill -9'), 'met')

    def test_growth(self):
        rows = [row('csmsg', 1, 'S7 %d pairs' % n, cpu_us=cpu)
                for n, cpu in zip(figures.PAIRS, (1.2, 1.0, 1.1, 1.4))]
        self.assertEqual(self.verdict(rows, 'S2 by pairs'), 'met')
        rows[3]['cpu_us'] = 1.6
        self.assertEqual(self.verdict(rows, 'S2 by pairs'), 'not met')
        self.assertEqual(self.verdict(rows[:1], 'S2 by pairs'), 'not measured')

    def test_every_target_names_a_figure(self):
        known = {(figure.case, figure.key) for figure in figures.FIGURES}
        self.assertEqual([t for t in figures.TARGETS if (t.case, t.key) not in known], [])


class Promises(unittest.TestCase):
    """What must hold at any speed."""

    def test_kept(self):
        self.assertEqual(figures.broken_promises([row('csmsg', 1, lost=0, unacked=0, stalled=0)]), [])

    def test_broken_by_ours_alone(self):
        rows = [row('csmsg', 1, lost=3), row('nats', 1, lost=7), row('csmsg', 2, failed='no answer')]
        self.assertEqual(figures.broken_promises(rows),
                         ['S2 64 B, round 1: lost 3', 'S2 64 B, round 2: no answer'])

    def test_failure_is_told_once_nothing_was_measured(self):
        rows = [row('nats', 1, failed='late'), row('ngircd', 1, failed='cut'), row('nats', 2, rate=1.0)]
        self.assertEqual(figures.failures(rows), {('ngircd', 'S2 64 B'): 'cut'})


class Tables(unittest.TestCase):
    """Cells."""

    def test_cells(self):
        rows = [row('csmsg', 1, rate=1234567.0, cpu_us=1.5), row('nats', 1, rate=2e6, cpu_us=3.0)]
        lines = figures.table(rows)
        self.assertEqual(lines, [['', 'csmsg', 'nats'], ['S2 64 B, k msg/s', '1,235', '2,000'],
                                 ['S2 64 B CPU µs', '1.50', '3.00 (0.50)']])
        self.assertIn('3.00 (0.50)', figures.text_table(rows))

    def test_what_nobody_played(self):
        rows = [row('csmsg', 1, cpu_us=1.5), row('nats', 1, failed='cut')]
        self.assertEqual(figures.table(rows)[1], ['S2 64 B CPU µs', '1.50', '-'])


if __name__ == '__main__':
    unittest.main()
