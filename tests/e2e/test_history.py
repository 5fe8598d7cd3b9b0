"""What was said, read again: pages, search, export, rooms, inbox, gaps of the lobby, hostile texts."""
from harness import check, equal

HOSTILE = 'red \x1b[31mtext \u202eevil\u202c \x9b2J \x07bell\r\n2026-01-01 fake: line'


def talked(env):
    """Alice and bob have spoken; bob's store has it all."""
    server = env.server()
    env.cli(server, 'bob', 'who').expect(0)
    for text in ('hello bob', 'the recvmsg loop', 'bye'):
        env.cli(server, 'alice', 'send', 'bob', text).expect(0)
    env.cli(server, 'bob', 'tail', '--count', '3', '--timeout', '10').expect(0)
    env.cli(server, 'bob', 'send', 'alice', 'yes, the loop', '--wait', 'accepted').expect(0)
    return server


def texts(run):
    """What the lines of a run say."""
    return [event['text'] for event in run.expect(0).events() if event['ev'] == 'message']


def test_read(env):
    """Both sides in one order, own ones with their state, without a connection; the last n, or since a time."""
    server = talked(env)
    server.stop()
    equal(texts(env.cli(server, 'bob', 'read', 'alice')), ['hello bob', 'the recvmsg loop', 'bye', 'yes, the loop'], 'all')
    equal(texts(env.cli(server, 'bob', 'read', 'ALICE', '-n', '2')), ['bye', 'yes, the loop'], 'the last two')
    equal(len(texts(env.cli(server, 'bob', 'read', 'alice', '--since', '1h'))), 4, 'since an hour')
    equal(texts(env.cli(server, 'bob', 'read', 'alice', '--since', '2099-01-01')), [], 'since then')
    own = env.cli(server, 'bob', 'read', 'alice', '-n', '1').event(ev='message')
    check(own['schema'] == 1 and own['with'] == 'alice' and own['state'] == 'stored' and own['from'] == 'bob', own)
    near = env.cli(server, 'bob', 'read', 'alcie').expect(5).event(ev='error', code='no-such-room')
    check('did you mean "alice"' in near['hint'], near)
    env.cli(server, 'bob', 'read', 'alice', '--since', 'never').expect(2)
    plain = env.cli(server, 'bob', 'read', 'alice', json_lines=False).expect(0).out.splitlines()
    check(plain[0].endswith('alice: hello bob') and plain[3].endswith('bob -> alice: yes, the loop  +'), plain)


def test_search(env):
    """Words in any order, newest first; in one conversation; nothing found is 5."""
    server = talked(env)
    equal(texts(env.cli(server, 'bob', 'search', 'loop')), ['yes, the loop', 'the recvmsg loop'], 'newest first')
    equal(texts(env.cli(server, 'bob', 'search', 'LOOP recv')), ['the recvmsg loop'], 'both words')
    equal(texts(env.cli(server, 'bob', 'search', 'loop', '--in', 'alice', '-n', '1')), ['yes, the loop'], 'one')
    env.cli(server, 'bob', 'search', 'loop', '--in', '#lobby').expect(5)
    env.cli(server, 'bob', 'search', 'nothing" OR "loop').expect(5)
    env.cli(server, 'bob', 'search').expect(2)


def test_export_and_rooms(env):
    """Everything in plain text, said so; the list of what there is."""
    server = talked(env)
    env.cli(server, 'bob', 'send', '#lobby', 'to all').expect(0)
    run = env.cli(server, 'bob', 'export')
    equal(sorted(texts(run)), sorted(['hello bob', 'the recvmsg loop', 'bye', 'yes, the loop', 'to all']), 'all of it')
    check('not encrypted' in run.err, run.err)
    equal(len(texts(env.cli(server, 'bob', 'export', 'alice'))), 4, 'one')
    rooms = env.cli(server, 'bob', 'rooms').expect(0)
    rooms.event(ev='conversation', **{'with': '#lobby', 'kind': 'room', 'lines': 1, 'unread': 0})
    rooms.event(ev='conversation', **{'with': 'alice', 'kind': 'person', 'lines': 4, 'unread': 3})
    env.cli(server, 'bob', 'read', 'alice').expect(0)
    env.cli(server, 'bob', 'rooms').expect(0).event(ev='conversation', **{'with': 'alice', 'unread': 0})


def test_inbox(env):
    """What waits comes, and stands there until it is read: messages to one alone, and mentions."""
    server = env.server()
    env.cli(server, 'bob', 'inbox').expect(0)
    env.cli(server, 'alice', 'send', 'bob', 'for you').expect(0)
    equal(texts(env.cli(server, 'bob', 'inbox')), ['for you'], 'what waited')
    equal(texts(env.cli(server, 'bob', 'inbox')), ['for you'], 'it stays')
    env.cli(server, 'bob', 'read', 'alice').expect(0)
    equal(texts(env.cli(server, 'bob', 'inbox')), [], 'once read')
    tail = env.tail(server, 'bob')
    for text in ('nobody', 'ask @bob.', 'bobby'):
        env.cli(server, 'alice', 'send', '#lobby', text).expect(0)
    tail.out.wait(ev='message', text='bobby')
    tail.kill()
    equal(texts(env.cli(server, 'bob', 'inbox')), ['ask @bob.'], 'mentions alone')
    server.stop()
    run = env.cli(server, 'bob', 'inbox', '--timeout', '1')
    equal(texts(run), ['ask @bob.'], 'without the server')
    check('cannot reach' in run.err, run.err)


def test_gaps_of_the_lobby(env):
    """Who comes late sees that something is missing, and fetches it as long as the server has it."""
    server = env.server(lobby__backlog=2)
    for i in range(1, 13):
        env.cli(server, 'alice', 'send', '#lobby', 'line %d' % i).expect(0)
    env.tail(server, 'bob').out.wait(ev='message', text='line 12')
    run = env.cli(server, 'bob', 'read')
    equal(texts(run), ['line 11', 'line 12'], 'the backlog')
    run.event(ev='missing', first=1, last=10, **{'with': '#lobby'})
    equal(texts(env.cli(server, 'bob', 'read', '--fetch', '-n', '5')), ['line %d' % i for i in range(8, 13)], 'five')
    run = env.cli(server, 'bob', 'read', '--fetch')
    equal(texts(run), ['line %d' % i for i in range(1, 13)], 'all')
    check(not any(event['ev'] == 'missing' for event in run.events()), run.out)
    equal(texts(env.cli(server, 'bob', 'read', '--fetch')), ['line %d' % i for i in range(1, 13)], 'once')


def test_hostile_texts(env):
    """Nothing of a text reaches the terminal raw, as a line or as JSON, found or exported."""
    server = env.server()
    env.cli(server, 'bob', 'who').expect(0)
    env.cli(server, 'alice', 'send', 'bob', '-', stdin=HOSTILE).expect(0)
    env.cli(server, 'bob', 'tail', '--count', '1', '--timeout', '10').expect(0)
    for words in (['inbox'], ['search', 'evil'], ['export']):
        run = env.cli(server, 'bob', *words)
        equal([e['text'] for e in run.expect(0).events()], [HOSTILE], 'the text for a program')
        lines = env.cli(server, 'bob', *words, json_lines=False).expect(0)
        for out in (run.out, lines.out):
            check(not any(c in out for c in '\x1b\u202e\u202c\x9b\x07\r'), 'raw in %r' % out)
        check(not any(line.startswith('2026-01-01 fake') for line in lines.out.splitlines()), lines.out)


def test_locked(env):
    """A locked store is searched with its passphrase, and its words are not on the disk."""
    from test_locked import MARK, files, secret, talked as talked_locked
    from test_sealed import found_in
    server = talked_locked(env)
    env.cli(server, 'alice', 'search', MARK.split('-')[0]).expect(0)
    words = secret(env)
    env.cli(server, 'alice', 'keys', 'lock', *words).expect(0)
    run = env.cli(server, 'alice', 'search', 'nobody', *words)
    equal(sorted(texts(run)), [MARK + '-heard', MARK + '-sent'], 'both')
    equal(len(texts(env.cli(server, 'alice', 'read', 'bob', *words))), 2, 'read')
    equal(found_in(files(env), MARK), [], 'files with the texts')
    equal(found_in(files(env), 'nobody'), [], 'files with a word of them')
    env.cli(server, 'alice', 'search', 'nobody').expect(6)
