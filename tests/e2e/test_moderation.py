"""Roles, moderation of the lobby, bans of accounts, the audit log: section 7.1 of docs/protocol.md and
docs/moderation.md."""
import os
import signal
import time

import csmsg
import frames
from frames import (ACTED, ANNOUNCE, ANNOUNCING, ASSISTANT, BAN, BANNED, CHANGES, INSTRUCTOR, KICK, LEFT, LOBBY, LOCK,
                    MEMBER, MUTE, MUTED, OPEN, PARTING, RECEIVE, REFUSED, STATE, UNBAN, UNMUTE, Frame)
from harness import check, equal, raises, scale, until

BOTH = RECEIVE | LOBBY


def lobby(env, server, *names):
    """Members of the lobby who see each other."""
    members = [env.login(name, server, caps=BOTH) for name in names]
    for member in members:
        until(lambda: all(n in p and p[n]['in_lobby'] for p in [member.people()] for n in names), 'all are there')
    return members


def classroom(env, **settings):
    """A server with an instructor, an assistant and two members in the lobby: (server, prof, ta, alice, bob)."""
    roster = env.folder / 'roster.csv'
    roster.write_text('name,role\nprof,instructor\nta,assistant\n')
    server = env.server(access__roster=roster, **settings)
    return (server, *lobby(env, server, 'prof', 'ta', 'alice', 'bob'))


def speaks(client, text='hello'):
    """Sends to the lobby; the name of the code that it is refused with, or 'accepted'."""
    number = client.send('#lobby', text)
    while True:
        frame = client.recv()
        if frame.name == 'ACCEPTED' and frame.id >= number:
            return 'accepted'
        if frame.name == 'REJECTED' and frame.id == number:
            client.settled(number)
            return frame


def refused(frame, code, what):
    """Fails unless this says no with this code; returns it."""
    equal(getattr(frame, 'code', None) and frame.code_name, code, what)
    return frame


def acted(client, act, person):
    """The notice that this was done."""
    return client.expect('MODERATE_S', op=ACTED, act=act, person=person)


def kill_broker(server):
    """SIGKILL, and waits for the next one."""
    since = server.log.mark()
    os.kill(server.pids('broker')[0], signal.SIGKILL)
    server.wait_log(20, after=since, sub='broker', ev='ready')


def back(client):
    """Answers the RESYNC after a broker's death: nothing is in the outbox, everything of the lobby was seen."""
    client.expect('RESYNC', 20 * scale())
    client.resume(next_id=client.next_id, lobby_seen=2 ** 32)


# --- roles ---

def test_roles(env):
    """From the roster; from the operator, who wins; told to those who are there; kept."""
    server, prof, ta, alice, _ = classroom(env)
    equal([c.welcome.role for c in (prof, ta, alice)], [INSTRUCTOR, ASSISTANT, MEMBER], 'WELCOME')
    equal(server.ctl('role', 'ta'), [{'role_of': 'ta', 'role': 'assistant', 'by': 'roster'}], 'ctl role')
    server.ctl('role', 'alice', 'instructor')
    equal(alice.expect('MODERATE_S', op=STATE).role, INSTRUCTOR, 'what alice is told')
    equal((acted(prof, frames.ROLE, 'alice').role, alice.about('alice').role), (INSTRUCTOR,) * 2, 'to others')
    server.ctl('role', 'PROF', 'member')
    equal(prof.expect('MODERATE_S', op=STATE).role, MEMBER, 'what prof is told')
    refused(prof.moderate(MUTE, 'bob'), 'no-right', 'by who was an instructor')
    equal(alice.moderate(MUTE, 'bob').by, 'alice', 'by who is one now')
    roles = {row['user']: row['role'] for row in server.ctl('who')}
    equal(roles, dict(prof='member', ta='assistant', alice='instructor', bob='member'), 'ctl who')
    equal(server.ctl('role', 'bbo', 'member', status=5),
          [{'error': 'no such user; did you mean "bob"?', 'code': 'no-such-user'}], 'ctl role of nobody')
    server.ctl('lobby', 'mute', status=2)
    server.ctl('role', 'bob', 'king', status=2)
    server.stop()
    server = env.keep(server.restart())
    equal([server.ctl('role', n)[0]['role'] for n in ('alice', 'prof', 'ta')], ['instructor', 'member', 'assistant'],
          'after a restart')


def test_roster_read_again(env):
    """SIGHUP: roles of the file change, those that the operator gave do not."""
    server, prof, ta, alice, _ = classroom(env)
    server.ctl('role', 'ta', 'assistant')
    alice.drain()
    (env.folder / 'roster.csv').write_text('name,role\nalice,assistant\nprof,instructor\n')
    server.process.send_signal(signal.SIGHUP)
    server.wait_log(sub='roster', ev='role', user='alice', role='assistant')
    equal(alice.expect('MODERATE_S', op=STATE).role, ASSISTANT, 'alice')
    equal([server.ctl('role', n)[0]['role'] for n in ('ta', 'prof')], ['assistant', 'instructor'], 'the others')
    ta.ping()


# --- the lobby ---

def test_mute(env):
    """Reads, does not write, until then; all are told why; direct messages go on; over by itself."""
    server, prof, ta, alice, bob = classroom(env)
    before = time.time() * 1000
    done = ta.moderate(MUTE, 'bob', 2, 'shouting')
    equal((done.by, done.person, done.room, done.reason), ('ta', 'bob', '#lobby', 'shouting'), 'the answer')
    check(before + 1000 < done.until < before + 60_000, 'until %d' % done.until)
    equal([acted(c, MUTE, 'bob') for c in (prof, alice, bob)], [done] * 3, 'what the lobby hears')
    state = bob.expect('MODERATE_S', op=STATE)
    equal((state.flags, state.muted_until, state.muted_why), (MUTED, done.until, 'shouting'), 'what bob hears')
    no = refused(speaks(bob), 'muted', 'a message to the lobby')
    check('until 20' in no.text and 'shouting' in no.text, 'the words: %s' % no.text)
    bob.send('alice', 'psst')
    equal(alice.take_message().text_body, 'psst', 'a direct message')
    alice.send('#lobby', 'for all')
    equal(bob.take_message().text_body, 'for all', 'what bob still reads')
    until(lambda: speaks(bob) == 'accepted', 'the end of the mute', 10)
    prof.moderate(MUTE, 'bob')
    equal(acted(alice, MUTE, 'bob').until, 0, 'without an end')
    check('until it is lifted' in refused(speaks(bob), 'muted', 'again').text, 'the words')
    ta.moderate(UNMUTE, 'bob', reason='fine')
    equal(speaks(bob), 'accepted', 'after it was lifted')


def test_kick_and_ban(env):
    """Out at once; a kicked may come back, a banned not, also not by a new login; told why; lifted."""
    server, prof, _, alice, bob = classroom(env)
    prof.moderate(KICK, 'bob', reason='cool down')
    equal(acted(bob, KICK, 'bob').reason, 'cool down', 'what bob hears')
    equal('cool down' in bob.expect('GROUP_S', op=PARTING).text, True, 'GROUP')
    left = dict(change=LEFT, name='bob', text='')
    until(lambda: left in alice.expect('PRESENCE_S', op=CHANGES).changes, 'the change of presence')
    refused(speaks(bob), 'not-member', 'out of the lobby')
    bob.send_frames(Frame('GROUP_C', op=frames.JOIN, room='#lobby'))
    bob.expect('GROUP_S', op=frames.JOIN)
    equal(speaks(bob), 'accepted', 'who came back')
    bob.drain()
    done = prof.moderate(BAN, 'bob', 3600, 'enough')
    equal(bob.expect('GROUP_S', op=PARTING).room, '#lobby', 'GROUP')
    refused(speaks(bob), 'banned', 'a message')
    bob.send_frames(Frame('GROUP_C', op=frames.JOIN, room='#lobby'))
    check('enough' in bob.expect('GROUP_S', op=REFUSED).text, 'a try to come back')
    bob.send_frames(Frame('HISTORY_C', room='#lobby', after=0, count=10))
    bob.expect('GROUP_S', op=REFUSED)
    bob.bye()
    bob = env.login(bob.identity, server, caps=BOTH)
    state = bob.expect('MODERATE_S', op=STATE)
    equal((state.flags, state.banned_until, state.banned_why), (BANNED, done.until, 'enough'), 'at the next login')
    bob.expect('GROUP_S', op=REFUSED)
    equal(alice.people()['bob']['in_lobby'], 0, 'where bob is')
    alice.send('bob', 'sorry')
    equal(bob.take_message().text_body, 'sorry', 'a direct message')
    prof.moderate(UNBAN, 'bob')
    bob.send_frames(Frame('GROUP_C', op=frames.JOIN, room='#lobby'))
    bob.expect('GROUP_S', op=frames.JOIN)
    equal(speaks(bob), 'accepted', 'after it was lifted')


def test_announce_only(env):
    """Only instructors and assistants write; told at login; it ends."""
    server, prof, ta, alice, _ = classroom(env)
    prof.moderate(ANNOUNCE, reason='exam')
    equal(acted(alice, ANNOUNCE, '').reason, 'exam', 'what the lobby hears')
    check('exam' in refused(speaks(alice), 'announce-only', 'a member').text, 'the words')
    equal([speaks(c) for c in (prof, ta)], ['accepted'] * 2, 'those who may')
    carol = env.login('carol', server, caps=BOTH)
    equal(carol.expect('MODERATE_S', op=STATE).flags, ANNOUNCING, 'at login')
    equal(server.ctl('lobby')[0]['announce_only'], True, 'ctl lobby')
    prof.moderate(OPEN)
    equal(speaks(alice), 'accepted', 'afterwards')
    server.ctl('lobby', 'announce', '1s')
    refused(speaks(alice), 'announce-only', 'by the operator')
    until(lambda: speaks(alice) == 'accepted', 'the end of it')


def test_who_may_what(env):
    """Members nothing, assistants mute members, instructors whoever is below them; nobody on the like of themselves."""
    server, prof, ta, alice, bob = classroom(env)
    for client, act, person in (
            (alice, MUTE, 'bob'), (alice, ANNOUNCE, ''), (ta, KICK, 'bob'), (ta, BAN, 'bob'), (ta, UNBAN, 'bob'),
            (ta, ANNOUNCE, ''), (ta, MUTE, 'prof'), (ta, MUTE, 'ta'), (prof, MUTE, 'prof')):
        refused(client.moderate(act, person), 'no-right', '%s: %d %s' % (client.identity.name, act, person))
    refused(prof.moderate(MUTE, 'nobody'), 'no-such-user', 'nobody')
    refused(prof.moderate(MUTE, 'bob', room='#attic'), 'no-such-room', 'elsewhere')
    refused(prof.moderate(MUTE, 'bob', reason='\x1b[2J'), 'bad-reason', 'a reason for the terminal')
    refused(prof.moderate(MUTE, 'bob', reason=b'\xff'), 'bad-reason', 'a reason of no UTF-8')
    equal(server.ctl('audit'), [], 'what was written down')
    equal(prof.moderate(KICK, 'ta').person, 'ta', 'an instructor and an assistant')
    for client, act in ((alice, LOCK), (bob, 0), (prof, frames.ROLE)):
        client.send_frames(Frame('MODERATE_C', act=act, room='#lobby', person='bob', seconds=0, reason=''))
        equal(client.expect('ERROR').code_name, 'bad-frame', 'act %d' % act)


def test_limit_of_orders(env):
    """They cost as other questions do."""
    server = env.server(limits__key_requests=1)
    prof, _ = lobby(env, server, 'prof', 'bob')
    server.ctl('role', 'prof', 'instructor')
    prof.expect('MODERATE_S', op=STATE)
    for _ in range(10):
        equal(prof.moderate(MUTE, 'bob', 60).op, ACTED, 'within the burst')
    check(refused(prof.moderate(MUTE, 'bob', 60), 'too-fast', 'beyond it').retry_ms > 50_000, 'retry_ms')


# --- accounts ---

def test_account_banned(env):
    """Sessions end with the reason and the time, so does each login; after the time, or unban, it is as before."""
    server = env.server()
    bob, eve = env.login('bob', server), env.login('eve', server)
    done, = server.ctl('ban', 'bob', '3s', 'spam', 'and', 'eggs')
    equal((done['done'], done['user'], done['reason']), ('lock', 'bob', 'spam and eggs'), 'ctl ban')
    gone = bob.expect('ERROR')
    equal((gone.code_name, 'spam and eggs' in gone.text), ('banned', True), 'how it ends')
    check(0 < gone.retry_ms <= 3000, 'retry_ms %d' % gone.retry_ms)
    no = raises(csmsg.Refused, lambda: env.login(bob.identity, server), 'a login')
    equal((no.frame.code_name, 'until 20' in no.frame.text), ('banned', True), 'ERROR')

    def enters():
        try:
            return env.login(bob.identity, server)
        except csmsg.Refused:
            return None
    until(enters, 'the end of the ban')
    server.ctl('ban', 'eve')
    no = raises(csmsg.Refused, lambda: env.login(eve.identity, server), 'without an end')
    equal((no.frame.retry_ms, 'until it is lifted' in no.frame.text), (0, True), 'ERROR')
    equal([row['on'] for row in server.ctl('user', 'eve')[1:]], ['eve'], 'ctl user')
    server.ctl('unban', 'eve')
    env.login(eve.identity, server)
    server.ctl('ban', 'nobody', status=5)
    server.ctl('ban', 'bob', 'x' * 201, status=2)


# --- what lasts ---

def test_broker_killed(env):
    """Everything holds after SIGKILL of the broker; those who are there are told what holds."""
    server, prof, ta, alice, bob = classroom(env)
    prof.moderate(MUTE, 'bob', 3600, 'loud')
    prof.moderate(BAN, 'alice', 3600, 'rude')
    prof.moderate(ANNOUNCE)
    server.ctl('role', 'ta', 'instructor')
    eve = env.login('eve', server)
    server.ctl('ban', 'eve', '1h')
    for client in (prof, ta, alice, bob):
        client.ping()
        client.drain()
    kill_broker(server)
    for client in (prof, ta, alice, bob):
        back(client)
    equal(bob.expect('MODERATE_S', op=STATE).flags, MUTED | ANNOUNCING, 'what bob is told')
    refused(speaks(bob), 'muted', 'bob')
    refused(speaks(alice), 'banned', 'alice')
    equal(ta.expect('MODERATE_S', op=STATE).role, INSTRUCTOR, 'what ta is told')
    equal(speaks(ta), 'accepted', 'ta')
    no = raises(csmsg.Refused, lambda: env.login(eve.identity, server), 'eve')
    equal(no.frame.code_name, 'banned', 'ERROR')
    equal(ta.moderate(UNMUTE, 'bob').by, 'ta', 'an instructor since the order')


def test_audit(env):
    """Every act with who, what, whom, where, why, until when and from where; kept; nothing of it can be changed."""
    server, prof, _, _, _ = classroom(env)
    since = server.log.mark()
    prof.moderate(MUTE, 'bob', 600, 'loud "voice"')
    server.ctl('lobby', 'kick', 'bob', 'and', 'out')
    server.ctl('role', 'alice', 'assistant')
    server.ctl('ban', 'bob', '2h')
    rows = server.ctl('audit')
    equal([(r['by'], r['origin'], r['act'], r['user'], r['room'], r['role'], r['reason']) for r in rows],
          [('prof', 'client', 'mute', 'bob', '#lobby', 'member', 'loud "voice"'),
           ('operator', 'ctl', 'kick', 'bob', '#lobby', 'member', 'and out'),
           ('operator', 'ctl', 'role', 'alice', '', 'assistant', ''),
           ('operator', 'ctl', 'lock', 'bob', '', 'member', '')], 'the log')
    check(abs(rows[0]['until_ms'] - rows[0]['time_ms'] - 600_000) < 1000, 'until: %s' % rows[0])
    equal([r['audit'] for r in rows], [1, 2, 3, 4], 'ids')
    for act, by in (('mute', 'prof'), ('kick', None), ('role', None), ('lock', None)):
        got = server.wait_log(after=since, sub='moderate', ev=act)
        equal((got['by'], got['origin']), (by or '-', 'client' if by else 'ctl'), 'the log event of %s' % act)
    kill_broker(server)
    equal(server.ctl('audit', '--since', '1h'), rows, 'after SIGKILL')
    server.ctl('audit', '--since', 'now', status=2)
    until(lambda: time.time() * 1000 - rows[-1]['time_ms'] > 1100, 'a second has passed')
    server.ctl('unban', 'bob')
    equal([r['act'] for r in server.ctl('audit', '--since', '1s')], ['unlock'], 'of the last second')


def test_long_audit(env):
    """More lines than one portion come all, in order."""
    server = env.server(limits__key_requests=1000)
    prof, _ = lobby(env, server, 'prof', 'bob')
    server.ctl('role', 'prof', 'instructor')
    prof.expect('MODERATE_S', op=STATE)
    for number in range(450):
        prof.send_frames(Frame('MODERATE_C', act=MUTE, room='#lobby', person='bob', seconds=60, reason='no %d' % number))
    for number in range(450):
        prof.expect('MODERATE_S', op=ACTED, reason='no %d' % number)
    equal([r['reason'] for r in server.ctl('audit')[1:]], ['no %d' % n for n in range(450)], 'the log')


def pipe(env, server, user, *lines):
    """The conversation of the real client, by lines from a pipe."""
    return env.cli(server, user, '--timeout', '10', stdin=''.join(line + '\n' for line in lines), json_lines=False)


def test_orders_of_the_real_client(env):
    """Typed in the conversation: carried out, told, and refused with the server's words."""
    server, _, _, _, bob = classroom(env)
    env.cli(server, 'dean', 'who').expect(0)
    server.ctl('role', 'dean', 'instructor')
    done = pipe(env, server, 'dean', '/mute bob 10m too loud', '/kick nobody', '/unmute bob', '/ban bob 1h').expect(0)
    check('*** dean muted bob in #lobby until ' in done.out and ': too loud' in done.out, 'the order: %r' % done.out)
    check('error: ' in done.out, 'nobody was put out: %r' % done.out)
    equal(acted(bob, BAN, 'bob').person, 'bob', 'the ban')
    pupil = pipe(env, server, 'carol', '/kick dean').expect(0)
    check('error: ' in pupil.out and 'no-right' not in pupil.out, 'a pupil: %r' % pupil.out)


def test_refusals_are_told_in_words(env):
    """Muted, banned, announce-only: the server's words reach the user of `send`, exit 4; a ban of the account ends
    the program instead of dialling for ever."""
    server, prof, *_ = classroom(env)
    env.cli(server, 'carol', 'send', '#lobby', 'hello').expect(0)
    prof.moderate(MUTE, 'carol', 600, 'too loud')
    done = env.cli(server, 'carol', 'send', '#lobby', 'hello').expect(4)
    error = done.event(ev='error', code='muted')
    check('until ' in error['message'] and 'too loud' in error['message'], 'the words: %r' % error)
    prof.moderate(BAN, 'carol', 0, 'enough')
    check('enough' in env.cli(server, 'carol', 'send', '#lobby', 'x').expect(4).event(ev='error')['message'], 'banned')
    server.ctl('ban', 'carol', '1h', 'cheating')
    done = env.cli(server, 'carol', 'tail').expect(4)
    check('cheating' in done.event(ev='error', code='banned')['message'], 'the words: %r' % done.out)
