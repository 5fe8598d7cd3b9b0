"""Every test that docs/security.md names exists: `file.test`, or `file.*` for a file with any."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def exists(name, test):
    """Is there such a test in the end-to-end or unit tests?"""
    for path in (ROOT / 'tests/e2e' / (name + '.py'), ROOT / 'tests/unit' / (name + '.c')):
        if path.is_file():
            text = path.read_text()
            pattern = r'^def test_' if path.suffix == '.py' else r'\b(TEST|cmocka_unit_test\w*)\('
            if test != '*':
                pattern = r'^def %s\(' % test if path.suffix == '.py' else r'\b(TEST|cmocka_unit_test\w*)\(%s\b' % test
            if re.search(pattern, text, re.MULTILINE):
                return True
    return False


def main():
    """Names what is missing."""
    named = re.findall(r'`(test_\w+)\.(\w+|\*)`', (ROOT / 'docs/security.md').read_text())
    missing = sorted({'%s.%s' % pair for pair in named if not exists(*pair)})
    if missing or len(named) < 20:
        sys.exit('docs/security.md names %d tests; there is no %s' % (len(named), ', '.join(missing) or 'such number'))
    print('security: %d tests named, all of them exist' % len(named))


if __name__ == '__main__':
    main()
