#!/usr/bin/python3
"""Compares the tables of docs/protocol.md (types of frames, codes) with those of frames.py; exits 1
on a difference."""
import re
import sys

sys.dont_write_bytecode = True

import example  # noqa: E402
import frames  # noqa: E402


def rows(text, title):
    """The cells of the table rows of one section."""
    part = text.split('\n## %s' % title, 1)[1].split('\n## ')[0].split('\n### ')[0]
    return [[cell.strip() for cell in line.strip('|').split('|')]
            for line in part.splitlines() if line.startswith('|')]


def main():
    """Prints what differs."""
    text = example.DOCUMENT.read_text()
    types = {int(r[0], 16): r[1] for r in rows(text, '4. ') if re.fullmatch('[0-9a-f]{2}', r[0])}
    ours = {number: re.sub('_[CS]$', '', name) for number, (name, _) in frames.TABLE.items()}
    codes = {int(r[0]): r[1] for r in rows(text, '8. ') if r[0].isdigit()}
    wrong = [(what, key, left.get(key), right.get(key))
             for what, left, right in (('type', types, ours), ('code', codes, frames.CODES))
             for key in sorted(left.keys() | right.keys()) if left.get(key) != right.get(key)]
    for what, key, left, right in wrong:
        print('docs/protocol.md: %s %02x: document %s, reference %s' % (what, key, left, right))
    print('tables: %d types, %d codes, %d wrong' % (len(types), len(codes), len(wrong)))
    sys.exit(1 if wrong else 0)


if __name__ == '__main__':
    main()
