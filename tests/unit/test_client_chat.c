/* test_client_chat.c - lines to commands and events to text, without a terminal and a server. */
#include "client_fake.h"

#include "../../client/face/chat.h"
#include "../../client/face/command.h"
#include "../../client/face/exits.h"
#include "../../client/face/args.h"
#include "../../client/face/report.h"
#include "../../client/face/out.h"

struct stage {
    uint64_t why;
    char accepted[40];
    struct chat c;
    char sent[4096], printed[16384], last_to[40];
    uint8_t last_form;
    unsigned sends, lists, abouts, quits, group_lists;
    char ordered[400]; /* the last order: op, room, subject, role, text */
    uint64_t until_ms;
    int group, away;
};

static int do_send(void *arg, uint8_t kind, const char *to, uint8_t form, struct slice text,
                   uint64_t *id)
{
    struct stage *s = arg;
    assert_int_equal(kind, to[0] == '#');
    snprintf(s->last_to, sizeof s->last_to, "%s", to);
    snprintf(s->sent, sizeof s->sent, "%.*s", (int)text.len, (const char *)text.data);
    s->last_form = form;
    *id = ++s->sends;
    return 0;
}

static int do_list(void *arg)
{
    return ((struct stage *)arg)->lists++, 0;
}
static int do_about(void *arg, const char *name)
{
    (void)name;
    return ((struct stage *)arg)->abouts++, 0;
}
static int do_away(void *arg, bool away, const char *text)
{
    (void)text;
    return ((struct stage *)arg)->away = away, 0;
}
static int do_group(void *arg, uint8_t op, const char *room)
{
    (void)room;
    return ((struct stage *)arg)->group = op, 0;
}
static int do_accept(void *arg, const char *name)
{
    struct stage *s = arg;
    snprintf(s->accepted, sizeof s->accepted, "%s", name);
    return 1;
}
static int do_why(void *arg, uint64_t number)
{
    ((struct stage *)arg)->why = number;
    return number < 100;
}
static void do_seen(void *arg, const struct vault_row *row)
{
    (void)arg, (void)row;
}
static int do_moderate(void *arg, uint8_t act, const char *name, uint32_t seconds, const char *reason)
{
    struct stage *s = arg;
    snprintf(s->ordered, sizeof s->ordered, "%s %s %u %s", wire_act_name(act), name, seconds, reason);
    return 0;
}
static void do_nothing(void *arg)
{
    (void)arg;
}
static void do_quit(void *arg)
{
    ((struct stage *)arg)->quits++;
}

static int do_order(void *arg, const struct client_group_order *o)
{
    struct stage *s = arg;
    if (!name_valid_room(o->room, strlen(o->room), NULL)) return -1;
    snprintf(s->ordered, sizeof s->ordered, "%u %s %s %u %s", o->op, o->room, o->subject, o->role, o->text);
    s->until_ms = o->until_ms;
    return 0;
}

static int do_groups(void *arg, bool open)
{
    (void)open;
    ((struct stage *)arg)->group_lists++;
    return 0;
}

static int do_members(void *arg, const char *room)
{
    struct stage *s = arg;
    snprintf(s->ordered, sizeof s->ordered, "members %s", room);
    return 0;
}

static void do_print(void *arg, const char *text)
{
    struct stage *s = arg;
    size_t n = strlen(s->printed);
    snprintf(s->printed + n, sizeof s->printed - n, "%s\n", text);
}

static const struct chat_ops ops = {.send = do_send,
                                    .list = do_list,
                                    .about = do_about,
                                    .away = do_away,
                                    .group = do_group,
                                    .accept = do_accept,
                                    .why = do_why,
                                    .seen = do_seen,
                                    .order = do_order,
                                    .groups = do_groups,
                                    .members = do_members,
                                    .moderate = do_moderate,
                                    .connect = do_nothing,
                                    .disconnect = do_nothing,
                                    .clear = do_nothing,
                                    .quit = do_quit,
                                    .print = do_print};

static int set_up(void **state)
{
    struct stage *s = calloc(1, sizeof *s);
    chat_init(&s->c, &ops, s, "alice");
    s->c.connected = true;
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    chat_free(&((struct stage *)*state)->c);
    free(*state);
    return 0;
}

static void type(struct stage *s, const char *line)
{
    s->sent[0] = s->printed[0] = s->last_to[0] = '\0';
    chat_line(&s->c, line);
}

static void expect_sent(struct stage *s, const char *line, const char *to, const char *text)
{
    type(s, line);
    assert_string_equal(s->last_to, to);
    assert_string_equal(s->sent, text);
}

static void expect_printed(struct stage *s, const char *line, const char *words)
{
    type(s, line);
    assert_string_equal(s->sent, "");
    if (!strstr(s->printed, words)) fail_msg("\"%s\" printed \"%s\"", line, s->printed);
}

static void test_talk(void **state)
{
    struct stage *s = *state;
    expect_sent(s, "hello", "#lobby", "hello");
    expect_sent(s, "/msg bob hi  there", "bob", "hi  there");
    expect_sent(s, "/m bob hi", "bob", "hi");
    expect_sent(s, "/MSG bob hi", "bob", "hi");
    expect_sent(s, "//etc/passwd", "#lobby", "/etc/passwd");
    expect_sent(s, "/me waves", "#lobby", "waves");
    assert_int_equal(s->last_form, WIRE_FORM_ACTS);
    expect_printed(s, "/query bob", "you talk to bob");
    expect_sent(s, "psst", "bob", "psst");
    expect_sent(s, "tata", "bob", "tata"); /* only the lobby is left by it */
    expect_printed(s, "/q", "#lobby");
    expect_printed(s, "/r hi", "nobody has written");
    snprintf(s->c.last_from, sizeof s->c.last_from, "carol");
    expect_sent(s, "/r hi", "carol", "hi");
    expect_printed(s, "   ", "");
    assert_int_equal(s->sends, 9);
}

static void test_never_sent(void **state)
{
    struct stage *s = *state;
    expect_printed(s, "/mgs bob hi", "did you mean /msg?");
    expect_printed(s, "/xyzzy", "/help lists");
    expect_printed(s, "/", "unknown command");
    expect_printed(s, "/msg", "a name is missing");
    expect_printed(s, "/msg bob", "nothing to send");
    expect_printed(s, "/msg -bob hi", "not a name");
    expect_printed(s, " /msg bob secret", "held back");
    expect_sent(s, " /msg bob secret", "#lobby", " /msg bob secret");
    expect_printed(s, " /msg bob secret", "held back");
    expect_sent(s, " / is a slash", "#lobby", " / is a slash");
    expect_printed(s, "a\xff", "UTF-8");
}

static void test_actions(void **state)
{
    struct stage *s = *state;
    static const char *const who[] = {"/who", "/w", "/names", "/n"};
    for (size_t i = 0; i < 4; i++)
        type(s, who[i]);
    assert_int_equal(s->lists, 4);
    type(s, "/wi bob");
    assert_int_equal(s->abouts, 1);
    type(s, "/away lunch");
    assert_int_equal(s->away, 1);
    type(s, "/back");
    assert_int_equal(s->away, 0);
    type(s, "tata");
    assert_int_equal(s->group, WIRE_GROUP_PART);
    assert_string_equal(s->sent, "");
    chat_event(&s->c, &(struct client_event){
                          CLIENT_GROUP, .group = &(struct wire_group){.op = WIRE_GROUP_PART,
                                                                      .room = text_of("#lobby"),
                                                                      .text = text_of("")}});
    assert_non_null(strstr(s->printed, "/join #lobby comes back"));
    expect_printed(s, "anybody?", "not in the lobby");
    type(s, "/j");
    assert_int_equal(s->group, WIRE_GROUP_JOIN);
    type(s, "/leave");
    assert_int_equal(s->group, WIRE_GROUP_PART);
    type(s, "/bye");
    type(s, "/exit");
    type(s, "/quit");
    assert_int_equal(s->quits, 3);
    type(s, "/help");
    for (const struct command *cmd = commands; cmd->name; cmd++)
        assert_non_null(strstr(s->printed, cmd->name));
    expect_printed(s, "/help /msg", "example: /msg bob");
}

/* Every name and alias is one command's alone. */
static void test_moderation(void **state)
{
    struct stage *s = *state;
    static const char *const cases[][2] = {
        {"/kick bob calm down", "kick bob 0 calm down"}, {"/mute bob 10m too loud", "mute bob 600 too loud"},
        {"/ban bob", "ban bob 0 "},                      {"/ban bob spam 10m", "ban bob 0 spam 10m"},
        {"/unmute bob", "unmute bob 0 "},                {"/announce 1h exam", "announce  3600 exam"},
        {"/open", "open  0 "},                           {"/k bob 2 late", "kick bob 0 2 late"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        type(s, cases[i][0]);
        assert_string_equal(s->ordered, cases[i][1]);
    }
    s->ordered[0] = '\0';
    expect_printed(s, "/mute", "a name is missing");
    assert_string_equal(s->ordered, "");
    s->printed[0] = '\0';
    const struct wire_moderate_state muted = {.flags = WIRE_STATE_MUTED, .muted_why = text_of("lo\x1bud"), .banned_why = text_of("")};
    chat_event(&s->c, &(struct client_event){CLIENT_STANDING, .standing = &muted});
    assert_non_null(strstr(s->printed, "you are muted in #lobby until it is lifted: lo"));
    assert_null(strchr(s->printed, '\x1b'));
    s->printed[0] = '\0';
    chat_event(&s->c, &(struct client_event){CLIENT_STANDING, .standing = &muted}); /* after a reconnect: no news */
    assert_string_equal(s->printed, "");
    const struct wire_moderate_done done = {.act = WIRE_ACT_KICK, .by = text_of("prof"), .name = text_of("bob"), .reason = text_of("noise")};
    chat_event(&s->c, &(struct client_event){CLIENT_MODERATED, .moderated = &done});
    assert_string_equal(s->printed, "*** prof put bob out of #lobby: noise\n");
}

static void test_table(void **state)
{
    (void)state;
    char words[128];
    for (const struct command *cmd = commands; cmd->name; cmd++) {
        snprintf(words, sizeof words, "%s %s", cmd->name, cmd->aliases);
        for (char *save, *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
            assert_ptr_equal(command_find(w, strlen(w)), cmd);
        assert_true(cmd->help[0] && cmd->example[0] == '/');
    }
    assert_null(command_find("", 0));
}

static void accepted(struct stage *s, struct wire_accepted m)
{
    s->printed[0] = '\0';
    chat_event(&s->c, &(struct client_event){CLIENT_ACCEPTED, .accepted = &m});
}

static void test_states(void **state)
{
    struct stage *s = *state;
    type(s, "/msg frank one");
    type(s, "/msg frank two");
    accepted(s,
             (struct wire_accepted){.id = 2,
                                    .state = WIRE_STATE_STORED,
                                    .to = text_of("frank"),
                                    .waiting = 3,
                                    .keep_s = 30 * 86400,
                                    .absent = 1});
    assert_string_equal(s->printed, "  + stored: frank is absent, 3 wait for them, kept 30 days\n");
    accepted(s, (struct wire_accepted){.id = 2, .state = WIRE_STATE_STORED});
    assert_string_equal(s->printed, "");
    struct wire_rejected r = {.id = 3,
                              .code = WIRE_NO_SUCH_USER,
                              .text = text_of("no such user"),
                              .near = 1,
                              .name = {text_of("frank")}};
    type(s, "/msg frnak hi");
    chat_event(&s->c, &(struct client_event){CLIENT_REJECTED, .rejected = &r});
    assert_string_equal(s->printed, "error: cannot deliver to \"frnak\": no such user\n"
                                    "hint: did you mean \"frank\"?\n");
}

static struct wire_deliver message(const char *to, const char *body, size_t n)
{
    return (struct wire_deliver){.flags = to[0] == '#' ? WIRE_FLAG_ROOM : 0,
                                 .seq = 40,
                                 .time_ms = 1728569011123,
                                 .from = text_of("bob"),
                                 .id = 7,
                                 .to = text_of(to),
                                 .body = {(const uint8_t *)body, n}};
}

static void test_lines(void **state)
{
    (void)state;
    struct buf b = {0};
    setenv("TZ", "UTC", 1);
    struct wire_deliver m = message("#lobby", "\0\0one\n\x1b[2Jtwo", 13);
    report_message_line(&b, &m, VAULT_PLAIN, REPORT_DATED);
    buf_put_u8(&b, 0);
    assert_string_equal((char *)b.data, "2024-10-10 14:03:31 #lobby 40 bob: one\n"
                                        "                    | <U+001B>[2Jtwo");
    buf_free(&b);
    m = message("alice", "\0\1waves", 7);
    report_message_line(&b, &m, VAULT_SEALED, REPORT_SHORT);
    buf_put_u8(&b, 0);
    assert_string_equal((char *)b.data, "14:03 * bob waves");
    buf_free(&b);
    m = message("alice", "", 0);
    report_message_line(&b, &m, VAULT_SEALED, REPORT_SHORT);
    buf_put_u8(&b, 0);
    assert_non_null(strstr((char *)b.data, "cannot read"));
    buf_free(&b);
    /* What the server could have written, and what did not open, say so. */
    m = message("alice", "\0\0hi", 4);
    report_message_line(&b, &m, VAULT_PLAIN, REPORT_SHORT);
    buf_put_u8(&b, 0);
    assert_string_equal((char *)b.data, "14:03 [not sealed] bob: hi");
    buf_free(&b);
    m = message("alice", "\1", 1);
    report_message_line(&b, &m, VAULT_UNOPENED, REPORT_SHORT);
    buf_put_u8(&b, 0);
    assert_string_equal((char *)b.data, "14:03 a message from bob could not be opened: the message was "
                                        "damaged or forged on the way, or is far too old");
    buf_free(&b);
}

static void test_json(void **state)
{
    (void)state;
    struct buf b = {0};
    struct wire_deliver m = message("#lobby", "\0\1\x1b]0;\xe2\x80\xae\xf3\xa0\x81\x81\x7f\xc2\x9b",
                                    2 + 4 + 3 + 4 + 1 + 2);
    m.flags |= WIRE_FLAG_BACKLOG;
    out_json_text(&b, report_message(&m, VAULT_PLAIN));
    buf_put_u8(&b, 0);
    assert_string_equal(
        (char *)b.data,
        "{\"ev\":\"message\",\"id\":7,\"time\":\"2024-10-10T14:03:31.123Z\",\"from\":\"bob\","
        "\"to\":\"#lobby\",\"number\":40,\"backlog\":true,\"form\":\"acts\","
        "\"text\":\"\\u001B]0;\\u202E\\uDB40\\uDC41\\u007F\\u009B\"}");
    json_t *o = json_loads((char *)b.data, 0, NULL);
    assert_non_null(o);
    assert_string_equal(json_string_value(json_object_get(o, "text")),
                        "\x1b]0;\xe2\x80\xae\xf3\xa0\x81\x81\x7f\xc2\x9b");
    json_decref(o);
    buf_free(&b);
}

static void test_folded_changes(void **state)
{
    struct stage *s = *state;
    struct wire_changes m = {.joined = 6,
                             .n = 3,
                             .change = {{WIRE_CHANGE_JOINED, text_of("bob"), text_of("")},
                                        {WIRE_CHANGE_JOINED, text_of("carol"), text_of("")},
                                        {WIRE_CHANGE_LEFT, text_of("eve\x1b"), text_of("quit")}}};
    chat_event(&s->c, &(struct client_event){CLIENT_CHANGES, .changes = &m});
    assert_string_equal(s->printed,
                        "--> bob, carol and 6 more joined\n<-- eve<U+001B> (quit) left\n");
    assert_int_equal(s->c.names.n, 2);
    assert_int_equal(names_match(&s->c.names, 0, "CA"), 1);
    assert_int_equal(names_match(&s->c.names, 0, "x"), 2);
}

/* --- the command line --- */

static int parse(struct args *o, struct why *why, const char *line)
{
    static char text[256];
    char *argv[32] = {"prog"}, *save;
    int n = 1;
    snprintf(text, sizeof text, "%s", line);
    for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save))
        argv[n++] = w;
    return args_parse(n, argv, o, why);
}

static void test_options(void **state)
{
    (void)state;
    struct args o;
    struct why why;
    assert_int_equal(parse(&o, &why, "--user=alice send bob --json - --timeout 2.5 -- --quiet"), 0);
    assert_string_equal(o.user, "alice");
    assert_true(o.json && !o.quiet);
    assert_int_equal(o.operands, 4);
    assert_string_equal(o.operand[2], "-");
    assert_string_equal(o.operand[3], "--quiet");
    assert_int_equal(o.timeout_ms, 2500);
    static const char *const bad[] = {"--jsn",        "--user",         "--json=1",
                                      "-x",           "tail --count 0", "tail --count x",
                                      "--timeout -1", "--timeout nan",  "send --wait never"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(parse(&o, &why, bad[i]), -1);
    assert_int_equal(parse(&o, &why, "--jsn"), -1);
    assert_string_equal(why.hint, "did you mean --json?");
}

static void test_server(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host, *port;
    } cases[] = {
        {"lab", "lab", "5130"},   {"lab:7", "lab", "7"},  {"[::1]:7", "::1", "7"},
        {"[::1]", "::1", "5130"}, {"::1", "::1", "5130"}, {"192.0.2.1:5130", "192.0.2.1", "5130"},
        {"", NULL, NULL},         {"lab:", NULL, NULL},   {"lab:70000", NULL, NULL},
        {":7", NULL, NULL},       {"[::1", NULL, NULL},   {"[::1]x", NULL, NULL},
        {"lab:x", NULL, NULL},    {"[::1]:", NULL, NULL},
    };
    char host[256], port[8];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int r = args_server(cases[i].text, host, port);
        assert_int_equal(r, cases[i].host ? 0 : -1);
        if (r < 0) continue;
        assert_string_equal(host, cases[i].host);
        assert_string_equal(port, cases[i].port);
    }
}

static void test_exits(void **state)
{
    (void)state;
    assert_int_equal(exit_of("no-such-user"), 5);
    assert_int_equal(exit_of("queue-full"), 75);
    assert_int_equal(exit_of("disk-full"), 75);
    assert_int_equal(exit_of("name-taken"), 4);
    assert_int_equal(exit_of("changed-server"), 6);
    assert_int_equal(exit_of("too-large"), 1);
    assert_int_equal(exit_of("store"), 8);
    assert_int_equal(exit_of("what"), 1);
}

/* --- groups --- */

static void expect_ordered(struct stage *s, const char *line, const char *order)
{
    s->ordered[0] = '\0';
    chat_line(&s->c, line);
    assert_string_equal(s->ordered, order);
}

static void done(struct stage *s, uint8_t op, const char *room, const char *code)
{
    const struct client_event e = {.type = CLIENT_ORDER,
                                   .order = {.op = op, .room = room, .code = code, .text = text_of("no")}};
    chat_event(&s->c, &e);
}

static void test_group_commands(void **state)
{
    struct stage *s = *state;
    expect_printed(s, "/topic openings", "which group?");
    expect_ordered(s, "/create #chess open", "1 #chess  1 ");
    expect_ordered(s, "/invite bob", "2 #chess bob 0 ");
    expect_ordered(s, "/invite bob #go", "2 #go bob 0 ");
    expect_ordered(s, "/kick bob too loud", "5 #chess bob 0 too loud");
    expect_ordered(s, "/role bob assistant", "6 #chess bob 2 ");
    expect_printed(s, "/role bob king", "which role?");
    expect_ordered(s, "/topic ends and means", "8 #chess  0 ends and means");
    expect_ordered(s, "/names", "members #chess");
    expect_ordered(s, "/mute bob 2h noise", "7 #chess bob 0 noise");
    assert_in_range(s->until_ms, 1700000000000, 4000000000000);
    expect_ordered(s, "/mute bob 0", "7 #chess bob 0 ");
    assert_int_equal(s->until_ms, 0);
    expect_printed(s, "/mute bob 10x", "for how long?");
    expect_printed(s, "/create chess", "which name");
    chat_line(&s->c, "/list");
    assert_int_equal(s->group_lists, 2);
}

/* Lines go to the group from /create on; back to the lobby when it was refused, or left. */
static void test_group_target(void **state)
{
    struct stage *s = *state;
    chat_line(&s->c, "/join #chess");
    expect_sent(s, "tata", "#chess", "tata"); /* the lobby's alone */
    done(s, MEMBERSHIP_JOIN, "#chess", "not-member");
    expect_sent(s, "hello", "#lobby", "hello");
    chat_line(&s->c, "/join #chess");
    done(s, MEMBERSHIP_JOIN, "#chess", NULL);
    expect_sent(s, "hello", "#chess", "hello");
    expect_ordered(s, "/part", "4 #chess  0 ");
    done(s, MEMBERSHIP_LEAVE, "#chess", NULL);
    expect_sent(s, "/msg #chess again", "#chess", "again");
    expect_sent(s, "hello", "#lobby", "hello");
}

static void happens(struct stage *s, const struct client_event *e, const char *words)
{
    s->printed[0] = '\0';
    chat_event(&s->c, e);
    if (words[0] ? !strstr(s->printed, words) : s->printed[0]) fail_msg("printed \"%s\"", s->printed);
}

static void test_why(void **state)
{
    struct stage *s = *state;
    type(s, "/why");
    assert_true(s->why == 0 && s->c.asking == 1);
    type(s, "/why 12");
    assert_true(s->why == 12 && s->c.asking == 2);
    expect_printed(s, "/why 100", "no message of yours has this number");
    expect_printed(s, "/why bob", "which message?");
    assert_int_equal(s->c.asking, 2);
    struct client_why w = {.number = 12, .state = CLIENT_WHY_TRUST, .to = "bob", .words = "bob has another account key than before"};
    happens(s, &(struct client_event){CLIENT_WHY, .why = &w}, "not sent yet: bob has another account key");
    assert_non_null(strstr(s->printed, "/trust bob"));
    assert_int_equal(s->c.asking, 1);
}

/* Of one's own messages to somebody alone; how many, when there are several. */
static void test_read(void **state)
{
    struct stage *s = *state;
    static const uint64_t number[] = {1, 2, 3};
    happens(s, &(struct client_event){CLIENT_READ, .read = {"bob", WIRE_TO_USER, number, 1}}, "  ## read by bob");
    happens(s, &(struct client_event){CLIENT_READ, .read = {"bob", WIRE_TO_USER, number, 3}}, "  ## 3 read by bob");
    happens(s, &(struct client_event){CLIENT_READ, .read = {"bob", WIRE_TO_ROOM, number, 1}}, "");
}

int main(void)
{
    assert_true(sodium_init() >= 0);
#define ON_STAGE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ON_STAGE(test_talk),
        ON_STAGE(test_never_sent),
        ON_STAGE(test_actions),
        ON_STAGE(test_moderation),
        cmocka_unit_test(test_table),
        ON_STAGE(test_states),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_json),
        ON_STAGE(test_folded_changes),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_server),
        cmocka_unit_test(test_exits),
        ON_STAGE(test_group_commands),
        ON_STAGE(test_group_target),
        ON_STAGE(test_why),
        ON_STAGE(test_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
