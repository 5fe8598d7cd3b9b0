#!/usr/bin/python3
"""Derives the worked example of docs/protocol.md again and compares every block; exits 1 on a
difference, after saying which block and where it parts."""
import sys

sys.dont_write_bytecode = True

import example  # noqa: E402


def documented(text):
    """{name: value as one string} of the fenced blocks of the example."""
    found, name, fenced = {}, None, False
    for line in text.split(example.TITLE, 1)[1].splitlines():
        if line.startswith('```'):
            fenced, name = not fenced, None
        elif fenced and line.endswith(':'):
            name = line[:-1]
            found[name] = ''
        elif fenced and name is None:
            sys.exit('docs/protocol.md: "%s" stands below no name' % line)
        elif fenced:
            found[name] += line.strip()
    return found


def first_difference(left, right):
    """Where two strings part."""
    return next((i for i, (a, b) in enumerate(zip(left, right)) if a != b),
                min(len(left), len(right)))


def main():
    """Compares; prints what differs."""
    text = example.DOCUMENT.read_text()
    if example.TITLE not in text:
        sys.exit('docs/protocol.md: no section "%s"; tests/reference/example.py --write makes it'
                 % example.TITLE)
    found = documented(text)
    expected = {name: ''.join(example.lines_of(value))
                for values in example.blocks().values() for name, value in values}
    wrong = ['no block of this name is expected: ' + name for name in found.keys() - expected]
    for name, value in expected.items():
        if name not in found:
            wrong.append('%s: missing' % name)
        elif found[name] != value:
            at = first_difference(found[name], value)
            wrong.append('%s: differs from digit %d on: document "%s", derived "%s"' % (
                name, at, found[name][at:at + 16], value[at:at + 16]))
    for line in wrong:
        print('docs/protocol.md: ' + line)
    print('worked example: %d blocks, %d wrong' % (len(expected), len(wrong)))
    sys.exit(1 if wrong else 0)


if __name__ == '__main__':
    main()
