"""What a message of one's own waits for, and who has read it, by the real client."""
import subprocess

from harness import Program, check, equal, scale, until
from people import edit, reference, registered
from sealed_client import Device
from test_cli import RFC3339
from test_group_client import group, say
from test_keys import kill_broker


def why(env, server, user, *words, status=0):
    """The answer of `why`, as JSON."""
    done = env.cli(server, user, 'why', *words).expect(status)
    return done.event(ev='why') if status == 0 else done


def why_line(env, server, user, *words):
    """The same for people."""
    return env.cli(server, user, 'why', *words, json_lines=False).expect(0).out.strip()


def send(env, server, user, to, text, status=0):
    """Sends a message; its number, when it was taken."""
    done = env.cli(server, user, 'send', to, text).expect(status)
    return done.event(ev='accepted')['id'] if status == 0 else None


def read_one(env, server, user, *words):
    """Somebody comes and takes one message."""
    return env.cli(server, user, *words, 'tail', '--count', '1', '--timeout', '20').expect(0)


def gone(server, user, after):
    """Waits until the server has noticed that somebody has left."""
    server.wait_log(after=after, sub='session', ev='drop', user=user)


def talk(env, server, user, *words):
    """The conversation, with a pipe: a Program whose lines are .out.raw."""
    argv = env.argv(server, user, '--accept-new', *words, json_lines=False)
    chat = Program(argv, env.folder, environ=env.environ(), stdin=subprocess.PIPE, parse=lambda line: {'line': line})
    env.programs.append(chat)
    until(lambda: any('connected to' in line for line in chat.out.raw), 'the conversation of ' + user)
    return chat


def shows(chat, words, what):
    """Waits for a line with these words."""
    until(lambda: any(words in line for line in chat.out.raw), '%s: no line with %r in %s' % (what, words, chat.out.raw))


def type_line(chat, text):
    """A line into the conversation."""
    chat.process.stdin.write(text.encode() + b'\n')
    chat.process.stdin.flush()


# --- what it waits for ---

def test_stored(env):
    """With its place in the queue, how long it is kept, since when they are absent; then delivered."""
    server = env.server(limits__queue_keep='2d')
    registered(env, server, 'alice', 'bob', 'carol')
    send(env, server, 'carol', 'bob', 'first')
    number = send(env, server, 'alice', 'bob', 'second')
    got = why(env, server, 'alice', str(number))
    equal((got['id'], got['to'], got['state'], got['current'], got['present']), (number, 'bob', 'stored', True, False), 'JSON')
    row, = got['devices']
    equal((row['state'], row['place'], len(row['device'])), ('stored', 2, 16), 'the device')
    check(all(RFC3339.match(t) for t in (got['time'], got['since'], row['until'])), 'times: %s' % got)
    line = why_line(env, server, 'alice')
    check(line.startswith('%d to bob, ' % number) and 'stored, 2nd in the queue, kept until 20' in line
          and 'bob is absent since ' in line, 'the line: %r' % line)
    read_one(env, server, 'bob')
    got = why(env, server, 'alice')
    equal((got['state'], got['devices']), ('delivered', []), 'bob was here')
    check('delivered to bob' in why_line(env, server, 'alice'), 'the line')


def test_no_such_message(env):
    """5 for a number that is none, 2 for what is no number; nothing sent yet is 5, too."""
    server = env.server()
    registered(env, server, 'alice', 'bob')
    why(env, server, 'alice', status=5).event(ev='error', code='no-such-message')
    send(env, server, 'alice', 'bob', 'hi')
    why(env, server, 'alice', '999', status=5).event(ev='error', code='no-such-message')
    for words in (('x',), ('0',), ('1', '2'), ('-1x',)):
        equal(env.cli(server, 'alice', 'why', '--', *words).status, 2, 'why %s' % ' '.join(words))


def test_waits_for_keys_and_trust(env):
    """Somebody who has no keys; somebody whose keys have changed."""
    server = env.server()
    env.login('plain', server).bye()
    env.cli(server, 'alice', 'send', 'plain', 'hello', '--timeout', '1').expect(7)
    got = why(env, server, 'alice', '--timeout', '5')
    equal((got['state'], got['to'], got['message']), ('keys', 'plain', "waits for plain's keys"), 'keys')
    person, phone, bob = reference(env, server, 'bob')
    send(env, server, 'alice', 'bob', 'one')
    phone.read(bob, bob.take_message())
    (value,), = edit(env, 'alice', "SELECT value FROM value WHERE kind = 1 AND name = 'bob'")
    other = bytearray(value)
    other[11] ^= 1
    edit(env, 'alice', "UPDATE value SET value = ? WHERE kind = 1 AND name = 'bob'", bytes(other))
    tablet = Device(person)
    person.append(bob, person.entry_add(tablet.keys, phone.keys))
    env.cli(server, 'alice', 'send', 'bob', 'two').expect(6)
    got = why(env, server, 'alice')
    equal((got['state'], got['current']), ('trust', False), 'trust')
    check('another account key' in got['message'], 'the words: %s' % got)
    done = env.cli(server, 'alice', 'why', json_lines=False).expect(0)
    check('not sent yet: bob has another account key' in done.out and 'keys accept' in done.err, 'for people: %s' % done.out)


def test_outbox(env):
    """Without a server: not sent yet, said at once; with one again it is gone."""
    server = env.server()
    registered(env, server, 'alice', 'bob')
    send(env, server, 'alice', 'bob', 'the keys are here now')
    stored = why(env, server, 'alice')['id']
    server.stop()
    env.cli(server, 'alice', 'send', 'bob', 'later', '--timeout', '1').expect(3)
    got = why(env, server, 'alice')
    equal((got['state'], got['current'], got['devices']), ('outbox', False, []), 'the new one')
    got = why(env, server, 'alice', str(stored))
    equal((got['state'], got['current']), ('stored', False), 'the one before')
    check('as of the last connection' in why_line(env, server, 'alice', str(stored)), 'the line')
    server = env.keep(server.restart())
    env.cli(server, 'alice', 'who').expect(0)
    until(lambda: why(env, server, 'alice')['state'] == 'stored', 'it has left')


def test_refused(env):
    """Refused, and why, also in another process than the one that heard it."""
    server = env.server()
    registered(env, server, 'alice')
    send(env, server, 'alice', 'nobody', 'hello', status=5)
    got = why(env, server, 'alice')
    equal((got['state'], got['code'], got['to']), ('refused', 'no-such-user', 'nobody'), 'JSON')
    check('refused: no-such-user' in why_line(env, server, 'alice'), 'the line')


def test_delivered_while_the_sender_was_away(env):
    """++ comes with the next login, also when the broker died in between."""
    server = env.server()
    registered(env, server, 'alice', 'bob')
    send(env, server, 'alice', 'bob', 'one')
    read_one(env, server, 'bob')
    chat = talk(env, server, 'alice')
    shows(chat, '++ delivered to bob', 'at the login')
    since = server.log.mark()
    chat.kill()
    gone(server, 'alice', since)
    send(env, server, 'alice', 'bob', 'two')
    read_one(env, server, 'bob')
    kill_broker(server)
    chat = talk(env, server, 'alice')
    shows(chat, '++ delivered to bob', 'after the death of the broker')


def test_expired_while_the_sender_was_away(env):
    """Told at the next login, by another broker, and by why."""
    server = env.server(limits__queue_keep='1s')
    registered(env, server, 'alice', 'bob')
    send(env, server, 'alice', 'bob', 'too late')
    server.wait_log(30 * scale(), sub='queue', ev='expire')
    kill_broker(server)
    chat = talk(env, server, 'alice')
    shows(chat, '! expired: bob did not come for it in time', 'at the login')
    equal(why(env, server, 'alice')['state'], 'expired', 'why')


def test_in_the_conversation(env):
    """/why alone and with a number; what is none."""
    server = env.server()
    registered(env, server, 'alice', 'bob')
    chat = talk(env, server, 'alice')
    type_line(chat, '/why')
    shows(chat, 'you have not sent anything yet', 'nothing')
    type_line(chat, '/msg bob hello')
    shows(chat, 'stored: bob is absent', 'stored')
    type_line(chat, '/why')
    shows(chat, ': stored, 1st in the queue', 'the newest')
    number = next(line for line in chat.out.raw if '1st in the queue' in line).split()[0]
    type_line(chat, '/why ' + number)
    until(lambda: sum('1st in the queue' in line for line in chat.out.raw) == 2, 'by its number')
    type_line(chat, '/why 77777')
    shows(chat, 'no message of yours has this number', 'another number')
    type_line(chat, '/why bob')
    shows(chat, 'which message?', 'no number')


def test_group(env):
    """Each member; folded for people; who came after the message is not counted."""
    server = env.server()
    registered(env, server, 'alice', 'bob', 'carol', 'dave')
    group(env, server, 'alice', 'create', '#chess', 'open')
    carol = env.tail(server, 'carol')
    for user in ('bob', 'carol'):
        group(env, server, user, 'join', '#chess')
    say(env, server, 'alice', '#chess', 'hello')
    carol.out.wait(20, ev='message', text='hello')
    env.cli(server, 'alice', 'tail', '--timeout', '2')
    group(env, server, 'dave', 'join', '#chess')

    def members():
        got = why(env, server, 'alice')
        return {m['user']: (m['role'], m['state'], m['waiting'], m['present']) for m in got['members']}
    until(lambda: members() == {'bob': ('member', 'stored', 1, False), 'carol': ('member', 'delivered', 0, True)},
          'the members')
    line = why_line(env, server, 'alice')
    check('delivered to 1 of 2; waits for: bob (absent since ' in line, 'the line: %r' % line)
    kill_broker(server)
    until(lambda: members().get('bob') == ('member', 'stored', 1, False), 'a new broker says so, too')
    read = env.cli(server, 'bob', 'tail', '--count', '3', '--timeout', '20').expect(0)
    check('hello' in read.out, 'at bob: %s' % read.out)
    until(lambda: members().get('bob', ('', ''))[1] == 'delivered', 'bob has it')
    check('delivered to 2 of 2' in why_line(env, server, 'alice'), 'the line')


# --- who has read it ---

def sent_by(server, user, to):
    """Messages that the server has taken from somebody for somebody, by its log."""
    return [e for e in server.log.parsed if e.get('sub') == 'msg' and e.get('ev') in ('route', 'store')
            and e.get('from') == user and e.get('to') == to]


def test_read_by_both(env):
    """Both have them on: ## for the sender, present or back later, and read for good."""
    server = env.server()
    registered(env, server, 'alice', 'bob')
    chat = talk(env, server, 'alice', '--read-receipts')
    type_line(chat, '/msg bob one')
    shows(chat, 'stored: bob is absent', 'stored')
    read_one(env, server, 'bob', '--read-receipts')
    shows(chat, '## read by bob', 'it was read')
    since = server.log.mark()
    chat.kill()
    gone(server, 'alice', since)
    number = send(env, server, 'alice', 'bob', 'two')
    send(env, server, 'alice', 'bob', 'three')
    since = server.log.mark()
    env.cli(server, 'bob', '--read-receipts', 'tail', '--count', '2', '--timeout', '20').expect(0)
    until(lambda: len(sent_by(server, 'bob', 'alice')) == 2, 'two receipts, the second for both messages')
    tail = env.cli(server, 'alice', '--read-receipts', 'tail', '--timeout', '2').expect(7)
    equal(tail.event(ev='read')['user'], 'bob', 'who')
    equal(tail.event(ev='read')['ids'], [number, number + 1] if number + 1 in tail.event(ev='read')['ids']
          else tail.event(ev='read')['ids'], 'which')
    equal(len(tail.event(ev='read')['ids']), 2, 'both')
    equal(why(env, server, 'alice')['state'], 'read', 'why')
    check('read by bob' in why_line(env, server, 'alice'), 'the line')


def test_reader_has_them_off(env):
    """Nothing is sent by who has not switched them on."""
    server = env.server()
    registered(env, server, 'alice', 'bob')
    send(env, server, 'alice', 'bob', 'one')
    read_one(env, server, 'bob')
    env.cli(server, 'alice', '--read-receipts', 'tail', '--timeout', '2').expect(7)
    equal(sent_by(server, 'bob', 'alice'), [], 'what bob has sent')
    equal(why(env, server, 'alice')['state'], 'delivered', 'why')


def test_sender_has_them_off(env):
    """What comes is shown to nobody and kept nowhere."""
    server = env.server()
    registered(env, server, 'alice', 'bob')
    send(env, server, 'alice', 'bob', 'one')
    read_one(env, server, 'bob', '--read-receipts')
    until(lambda: len(sent_by(server, 'bob', 'alice')) == 1, 'the receipt')
    tail = env.cli(server, 'alice', 'tail', '--timeout', '2').expect(7)
    check('"ev":"read"' not in tail.out.replace(' ', ''), 'shown: %s' % tail.out)
    equal(edit(env, 'alice', 'SELECT DISTINCT state FROM sent'), [(2,)], 'kept')
    env.cli(server, 'alice', '--read-receipts', 'tail', '--timeout', '1').expect(7)
    equal(why(env, server, 'alice')['state'], 'delivered', 'it does not come again')


def test_switched_in_the_conversation(env):
    """/set read_receipts counts at once, both ways."""
    server = env.server()
    registered(env, server, 'alice', 'bob')
    config = env.folder / 'config'
    config.touch(0o600)
    chat = talk(env, server, 'bob', '--config', str(config))
    send(env, server, 'alice', 'bob', 'off')
    shows(chat, 'off', 'the message')
    type_line(chat, '/set read_receipts yes')
    shows(chat, 'read_receipts', 'set')
    send(env, server, 'alice', 'bob', 'on')
    until(lambda: len(sent_by(server, 'bob', 'alice')) == 1, 'a receipt')
    type_line(chat, '/set read_receipts no')
    until(lambda: sum('read_receipts' in line for line in chat.out.raw) == 2, 'set again')
    send(env, server, 'alice', 'bob', 'off again')
    shows(chat, 'off again', 'the message')
    type_line(chat, '/quit')
    equal(chat.wait(), 0, 'exit status')
    equal(len(sent_by(server, 'bob', 'alice')), 1, 'receipts')
    tail = env.cli(server, 'alice', '--read-receipts', 'tail', '--timeout', '1').expect(7)
    equal(tail.event(ev='read')['ids'], [why(env, server, 'alice')['id'] - 1], 'which')


def test_read_in_a_group(env):
    """Told to the sender alone, pairwise; why says who."""
    server = env.server()
    registered(env, server, 'alice', 'bob', 'carol')
    group(env, server, 'alice', 'create', '#chess', 'open')
    for user in ('bob', 'carol'):
        group(env, server, user, 'join', '#chess')
    say(env, server, 'alice', '#chess', 'hello')
    for user, words in (('bob', ['--read-receipts']), ('carol', [])):
        shown = env.cli(server, user, *words, 'tail', '--timeout', '3')
        check('hello' in shown.out, 'at %s: %s' % (user, shown.out))
    until(lambda: sent_by(server, 'bob', 'alice') and not sent_by(server, 'bob', 'carol'), 'one receipt, to alice')
    env.cli(server, 'alice', '--read-receipts', 'tail', '--timeout', '3')
    got = why(env, server, 'alice')
    equal({m['user']: m['read'] for m in got['members']}, {'bob': True, 'carol': False}, 'who has read it')
    check('read by 1' in why_line(env, server, 'alice'), 'the line')
