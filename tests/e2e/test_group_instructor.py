"""Instructors in groups, by the real clients: who is one says the class, and what the server's word is worth; docs/sealed.md section 8."""
from harness import check, equal, until
from test_class import classroom, invite
from test_group_client import group, keys_in, lines, read, registered, say


def entries(program, room='#chess'):
    """What a tail has shown of a group's log: (op, about whom, whether the server alone vouches)."""
    return [(e['op'], e.get('user', ''), e.get('instructor', '')) for e in program.out.parsed
            if e.get('ev') == 'entry' and e.get('room') == room]


def in_class(env, server, user):
    """Joins the class with a code of prof's."""
    code = invite(env, server, user)
    env.cli(server, user, 'class', 'join', code, '--timeout', '1').expect(7)
    env.cli(server, 'prof', 'class', 'sign').expect(0)
    env.cli(server, user, 'class', 'join', code).expect(0)


def test_by_the_servers_word(env):
    """Without a class: somebody whom the server calls an instructor can put out and mute, which is shown as its word; that they
    let somebody in is not believed, and nothing is sealed for them."""
    server = env.server()
    registered(env, server, 'alice', 'bob', 'carol', 'dave', 'prof')
    server.ctl('role', 'prof', 'instructor')
    alice = env.tail(server, 'alice')
    group(env, server, 'alice', 'create', '#chess')
    for user in ('bob', 'carol'):
        group(env, server, 'alice', 'invite', '#chess', user)
        group(env, server, user, 'join', '#chess')
    say(env, server, 'bob', '#chess', 'noise')
    group(env, server, 'prof', 'kick', '#chess', 'bob', 'noise')
    group(env, server, 'prof', 'mute', '#chess', 'carol', '1h')
    until(lambda: entries(alice)[-2:] == [('kick', 'bob', 'says the server'), ('mute', 'carol', 'says the server')], 'what alice is told')
    say(env, server, 'alice', '#chess', 'without bob')
    equal(read(env, server, 'carol', 5)[-1], ('alice', 'without bob'), 'carol reads on')
    equal(read(env, server, 'bob', 5)[-1], ('prof', 'kick bob'), 'the last that bob reads')
    group(env, server, 'prof', 'invite', '#chess', 'dave')
    group(env, server, 'dave', 'join', '#chess', status=4)
    until(lambda: any('only the server says' in e.get('unopened', '') for e in alice.out.parsed), 'alice is told')
    refused = say(env, server, 'alice', '#chess', 'for dave?', status=4)
    equal(refused.event(ev='error')['code'], 'forbidden', 'the code')
    check(keys_in(env, 'dave') == 0, 'dave was given keys')


def test_by_the_class(env):
    """Whoever has joined the class believes its instructors, and nobody else: somebody is let in, and all read on. Who joins the
    class later catches up."""
    server, _ = classroom(env)
    registered(env, server, 'alice', 'bob', 'dave')
    in_class(env, server, 'alice')
    group(env, server, 'alice', 'create', '#chess')
    group(env, server, 'alice', 'invite', '#chess', 'bob')
    group(env, server, 'bob', 'join', '#chess')
    alice = env.tail(server, 'alice')
    group(env, server, 'prof', 'invite', '#chess', 'dave')
    refused = group(env, server, 'dave', 'join', '#chess', status=4).event(ev='error')
    check('an instructor' in refused['message'], 'why: %r' % refused)
    in_class(env, server, 'dave')
    group(env, server, 'dave', 'join', '#chess')
    group(env, server, 'prof', 'topic', '#chess', 'openings')
    until(lambda: len(entries(alice)) == 6, 'alice has all entries')
    equal([word for _, _, word in entries(alice)], [''] * 6, 'nothing is the word of the server alone')
    say(env, server, 'alice', '#chess', 'welcome')
    equal(read(env, server, 'dave', 3)[-1], ('alice', 'welcome'), 'dave reads')
    say(env, server, 'bob', '#chess', 'I do not know who prof is', status=4)
    in_class(env, server, 'bob')
    say(env, server, 'bob', '#chess', 'now I do')
    until(lambda: lines(alice)[-1:] == [('bob', 'now I do')], 'bob catches up')
