/* test_window_scene.c - rooms, timelines, layout and the whole screen as text, without a terminal. */
#include "client_fake.h"

#include "../../client/face/window/notify.h"
#include "../../client/face/window/palette.h"
#include "../../client/face/window/roll.h"
#include "../../client/face/window/rows.h"
#include "../../client/face/window/scene.h"

enum { MINUTE = 60000, DAY = 24 * 60 * MINUTE };
static const uint64_t noon = 1728568860000; /* 2024-10-10 14:01 UTC */

struct stage {
    struct rooms rooms;
    struct scene scene;
    struct screen screen;
};

static int set_up(void **state)
{
    struct stage *s = calloc(1, sizeof *s);
    setenv("TZ", "UTC", 1);
    rooms_init(&s->rooms);
    s->scene = (struct scene){.rooms = &s->rooms,
                              .time_format = "%H:%M",
                              .wish = {.rooms = true, .members = true},
                              .me = "alice",
                              .count = "2 on",
                              .link = "connected",
                              .now_ms = noon,
                              .find = "",
                              .selected = INT64_MAX,
                              .prompt = "[#lobby] ",
                              .input = ""};
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct stage *s = *state;
    rooms_free(&s->rooms);
    screen_free(&s->screen);
    free(s);
    return 0;
}

static struct entry *say(struct room *room, const char *from, const char *text, unsigned minute)
{
    struct entry *e = entry_new(ENTRY_SAYS, from, text, noon + (uint64_t)minute * MINUTE);
    timeline_add(&room->lines, e);
    return e;
}

/* The screen at this size, as text. */
static char *painted(struct stage *s, unsigned cols, unsigned rows)
{
    struct buf b = {0};
    screen_size(&s->screen, cols, rows);
    scene_paint(&s->scene, &s->screen);
    screen_text(&s->screen, &b);
    buf_put_u8(&b, 0);
    return (char *)b.data;
}

static void shows(struct stage *s, unsigned cols, unsigned rows, const char *wanted)
{
    char *text = painted(s, cols, rows);
    assert_string_equal(text, wanted);
    free(text);
}

static void has(struct stage *s, unsigned cols, unsigned rows, const char *wanted, bool there)
{
    char *text = painted(s, cols, rows);
    if (!!strstr(text, wanted) != there) print_error("%s%s", text, wanted);
    assert_true(!!strstr(text, wanted) == there);
    free(text);
}

/* --- the whole screen --- */

static struct room *talk(struct stage *s)
{
    struct room *lobby = rooms_current(&s->rooms);
    snprintf(lobby->trust, sizeof lobby->trust, "readable by the server");
    snprintf(lobby->topic, sizeof lobby->topic, "HW3 due Fri");
    say(lobby, "bob", "does accept() race?", 2)->number = 40;
    struct entry *e = say(lobby, "alice", "no: the master accepts, and workers get the descriptor alone", 3);
    e->own = true;
    e->number = 41;
    e->mark = MARK_DELIVERED;
    e = say(lobby, "prof", "right, @alice", 4);
    e->number = 42;
    e->mention = true;
    e = say(lobby, "alice", "thanks", 5);
    e->own = true;
    e->mark = MARK_WAITS;
    return lobby;
}

static void test_small(void **state)
{
    struct stage *s = *state;
    talk(s);
    s->scene.input = "not CMSG_LEN";
    s->scene.cursor = 3;
    shows(s, 60, 9,
          " #lobby | HW3 due Fri          readable by the server  2 on\n"
          "               |\n"
          "14:03      bob | does accept() race?                   40\n"
          "14:04    alice | no: the master accepts, and           41 ++\n"
          "               | workers get the descriptor alone\n"
          "14:05     prof | right, @alice                        *42\n"
          "14:06    alice | thanks                                   -\n"
          "[14:01][alice][2:#lobby]                         [connected]\n"
          "[#lobby] not CMSG_LEN\n");
    assert_int_equal(s->screen.cursor_row, 8);
    assert_int_equal(s->screen.cursor_col, 9 + 3);
}

static void test_tiny(void **state)
{
    struct stage *s = *state;
    talk(s);
    s->scene.link = "retry 2 s";
    s->scene.outbox = 1;
    shows(s, 40, 10,
          " #lobby    readable by the server  2 on\n"
          "       |\n"
          "   bob | does accept() race?\n"
          " alice | no: the master accepts, and  ++\n"
          "       | workers get the descriptor\n"
          "       | alone\n"
          "  prof | right, @alice\n"
          " alice | thanks                       -\n"
          "[2:#lobby]            [out 1][retry 2 s]\n"
          "[#lobby]\n");
    has(s, 12, 3, "thanks", false); /* smaller than anything fits: cut, and no harm done */
}

static void test_wide(void **state)
{
    struct stage *s = *state;
    struct scene_member members[] = {{'@', true, "prof", ""}, {' ', true, "alice", "you"}, {' ', false, "frank", "absent"}};
    talk(s);
    struct room *bob = rooms_want(&s->rooms, "bob"), *chess = rooms_want(&s->rooms, "#chess");
    rooms_message(&s->rooms, bob, true);
    rooms_message(&s->rooms, bob, true);
    rooms_message(&s->rooms, chess, false);
    s->scene.member = members;
    s->scene.members = 3;
    shows(s, 116, 12,
          " #lobby | HW3 due Fri                                                                  readable by the server  2 on\n"
          "ROOMS             F7|               |                                                    |MEMBERS  2 on           F8\n"
          "  1 console         |               |                                                    | @prof\n"
          "> 2 #lobby          |               |                                                    |  alice                you\n"
          "  3 #chess        +1|               |                                                    |  frank             absent\n"
          "                    |14:03      bob | does accept() race?                           40   |\n"
          "DIRECT              |14:04    alice | no: the master accepts, and workers get       41 ++|\n"
          "  4 bob           !2|               | the descriptor alone                               |\n"
          "                    |14:05     prof | right, @alice                                *42   |\n"
          "                    |14:06    alice | thanks                                           - |\n"
          "[14:01][alice][2:#lobby][Act: 4:bob!2 3:#chess+1]                                                        [connected]\n"
          "[#lobby]\n");
    has(s, 100, 12, "MEMBERS", false);
    has(s, 100, 12, "ROOMS", true);
    has(s, 89, 12, "ROOMS", false);
    s->scene.wish.rooms = false;
    has(s, 116, 12, "ROOMS", false);
    s->scene.wish.bare = true;
    has(s, 116, 12, "|", false);
    has(s, 116, 12, "prof right, @alice", true);
}

/* On top of the rooms stands who waits, where there is room for both. */
static void test_inbox(void **state)
{
    struct stage *s = *state;
    struct room *bob = rooms_want(&s->rooms, "bob"), *chess = rooms_want(&s->rooms, "#chess");
    has(s, 100, 20, "INBOX          Alt-i|", true);
    has(s, 100, 20, "\n nobody waits       |", true);
    has(s, 100, 15, "INBOX", false);
    rooms_message(&s->rooms, bob, true);
    rooms_message(&s->rooms, bob, true);
    rooms_message(&s->rooms, chess, true);
    rooms_message(&s->rooms, chess, false);
    has(s, 100, 20, "\n ! 2 to you alone   |", true);
    has(s, 100, 20, "\n * 1 mention        |", true);
    rooms_seen(bob);
    has(s, 100, 20, "to you alone", false);
    has(s, 100, 20, "\n                    |        |\nROOMS", false);
}

static void moves(struct stage *s, struct moves *m, enum client_file_news what, uint64_t id, uint64_t done, uint64_t now)
{
    struct file_row row = {.id = id, .own = id == 9, .size = 4 << 20, .name = {(const uint8_t *)"lab3-trace.pcap", 15}};
    moves_take(m, &(struct client_file_event){.what = what, .row = &row, .done = done, .size = 4 << 20}, now);
    s->scene.moves = m;
}

/* Files on their way stand below the rooms, else above the status line. */
static void test_moves(void **state)
{
    struct stage *s = *state;
    struct moves m = {0};
    s->scene.wish.moves = true;
    s->scene.offers = 1;
    moves(s, &m, CLIENT_FILE_OFFERED, 9, 0, 0);
    assert_int_equal(m.n, 0);
    moves(s, &m, CLIENT_FILE_MOVES, 44, 0, 1000);
    moves(s, &m, CLIENT_FILE_MOVES, 44, 1 << 20, 2000);
    moves(s, &m, CLIENT_FILE_WAITS, 9, 0, 2000);
    has(s, 100, 30,
        "\nTRANSFERS         F6|                |\n< lab3-trace.pcap   |                |\n  [##........]  25% |                |\n"
        "  1.0 MiB/s 0:03    |                |\n> lab3-trace.pcap   |",
        true);
    has(s, 100, 30, "\n  waits             |", true);
    has(s, 100, 30, "\n < 1 file offered   |", true);
    has(s, 100, 30, "> 2 #lobby", true);
    has(s, 60, 9, "\n get lab3-trace.pcap [##........]  25% 1.0 MiB/s 0:03\n put lab3-trace.pcap [..........]", true);
    has(s, 40, 10, "\n get l~ [##........]  25% 1.0 MiB/s 0:03", true);
    s->scene.wish.moves = false;
    has(s, 100, 30, "TRANSFERS", false);
    has(s, 60, 9, "lab3", false);
    s->scene.wish.moves = true;
    moves_stall(&m);
    has(s, 60, 9, "25% waits", true);
    moves(s, &m, CLIENT_FILE_HERE, 44, 0, 3000);
    assert_int_equal(m.n, 1);
    has(s, 60, 9, " get ", false);
    for (uint64_t id = 50; id < 70; id++)
        moves(s, &m, CLIENT_FILE_MOVES, id, 0, 3000);
    assert_int_equal(m.n, MOVES_MAX);
    has(s, 60, 9, "get lab3", true);
    has(s, 100, 30, "> 2 #lobby", true);
}

static void test_list(void **state)
{
    struct stage *s = *state;
    struct scene_item items[12] = {{"", "zero"}};
    for (unsigned i = 1; i < 12; i++)
        snprintf(items[i].text, sizeof items[i].text, "item %u", i);
    talk(s);
    s->scene.list = (struct scene_list){.head = "HEAD", .none = "empty", .item = items, .n = 12, .chosen = 0};
    shows(s, 40, 8,
          " #lobby    readable by the server  2 on\n HEAD\n> zero\n  item 1\n  item 2\n  item 3\n"
          "[2:#lobby]                   [connected]\n[#lobby]\n");
    s->scene.list.chosen = 11;
    has(s, 40, 8, "\n  item 8\n  item 9\n  item 10\n> item 11\n", true);
    s->scene.list.n = 0;
    has(s, 40, 8, " HEAD\n empty\n", true);
}

static void test_selected(void **state)
{
    struct stage *s = *state;
    struct room *lobby = talk(s);
    s->scene.selected = lobby->lines.first + 1;
    has(s, 60, 9, "alice > no: the master accepts, and           41 ++\n               > workers", true);
    has(s, 60, 9, "bob | does", true);
    assert_int_equal(screen_cell(&s->screen, 40, 4)->style, STYLE_HERE);
}

/* Links lead to what is to be read, also where they go on in the next line. */
static void test_links(void **state)
{
    struct stage *s = *state;
    struct room *lobby = rooms_current(&s->rooms);
    say(lobby, "bob", "see https://lab.example/a/very/long/path/that/does/not/fit?x=1, and http://b.example.", 1);
    has(s, 60, 9, "| https://lab.example/a/very/long/p\n               | ath/that", true);
    const struct cell *c = screen_cell(&s->screen, 17, 4);
    assert_string_equal(c->text, "h");
    assert_int_equal(c->style, STYLE_LINK);
    assert_string_equal(screen_address(&s->screen, c->link), "https://lab.example/a/very/long/path/that/does/not/fit?x=1");
    assert_int_equal(screen_cell(&s->screen, 17, 3)->link, 0);
    assert_string_equal(screen_address(&s->screen, screen_cell(&s->screen, 17, 5)->link),
                        "https://lab.example/a/very/long/path/that/does/not/fit?x=1");
    assert_string_equal(screen_address(&s->screen, s->screen.n_links), "http://b.example");
    say(lobby, "bob", "or http://c.example too", 2);
    has(s, 60, 9, "| or http://c.example too", true);
    assert_int_equal(screen_cell(&s->screen, 17 + 2, 6)->link, 0);
    assert_string_equal(screen_address(&s->screen, screen_cell(&s->screen, 17 + 3, 6)->link), "http://c.example");
    assert_int_equal(screen_cell(&s->screen, 17 + 3 + 16, 6)->link, 0);
}

/* Whatever the size: nothing is lost, and the newest line is there. */
static void test_sizes(void **state)
{
    struct stage *s = *state;
    struct room *lobby = talk(s);
    entry_note(lobby->lines.entry[1], "frank is away: stored");
    for (unsigned cols = 1; cols < 210; cols += 7)
        for (unsigned rows = 1; rows < 62; rows += 5) {
            char *text = painted(s, cols, rows);
            if (cols >= 30 && rows >= 5) assert_non_null(strstr(text, "thanks"));
            if (cols >= 60 && rows >= 16) assert_non_null(strstr(text, "frank is away: stored"));
            if (cols >= 30 && rows >= 20) assert_non_null(strstr(text, "accept() race?"));
            free(text);
        }
}

static void test_input_lines(void **state)
{
    struct stage *s = *state;
    s->scene.input = "one\ntwo\nthree\nfour\nfive";
    s->scene.cursor = strlen("one\ntwo\nthree\nfour\nfi");
    shows(s, 40, 10, /* a third of the screen at most: the part around the cursor */
          " #lobby                            2 on\n       |\n       |\n       |\n       |\n       |\n"
          "[2:#lobby]                   [connected]\nthree\nfour\nfive\n");
    assert_int_equal(s->screen.cursor_row, 9);
    assert_int_equal(s->screen.cursor_col, 2);
    s->scene.input = "0123456789012345678901234567890123456789";
    s->scene.cursor = 40;
    has(s, 40, 10, "[#lobby] 0123456789012345678901234567890\n123456789\n", true);
    assert_int_equal(s->screen.cursor_row, 9);
    assert_int_equal(s->screen.cursor_col, 9);
    s->scene.cursor = 0;
    free(painted(s, 40, 10));
    assert_int_equal(s->screen.cursor_row, 8);
}

static void test_title(void **state)
{
    struct stage *s = *state;
    struct room *bob = rooms_want(&s->rooms, "bob");
    rooms_open(&s->rooms, 2);
    snprintf(bob->trust, sizeof bob->trust, "KEY CHANGED");
    bob->alarm = true;
    has(s, 60, 8, "KEY CHANGED  2 on", true);
    assert_int_equal(screen_cell(&s->screen, 59 - 17, 0)->style, STYLE_ALERT);
    s->scene.notice = (struct slice){(const uint8_t *)"one\ntwo", 7};
    has(s, 60, 9, "\n one\n two\n[14:01]", true);
}

/* --- timelines --- */

static void test_days_and_unread(void **state)
{
    struct stage *s = *state;
    struct room *lobby = rooms_current(&s->rooms);
    say(lobby, "bob", "yesterday", 0)->time_ms -= DAY;
    timeline_mark_unread(&lobby->lines);
    say(lobby, "bob", "today", 1);
    say(lobby, "bob", "again", 2);
    timeline_mark_unread(&lobby->lines); /* the mark stays where it is */
    assert_int_equal(timeline_unread(&lobby->lines), 2);
    shows(s, 60, 9,
          " #lobby                                                2 on\n"
          "               |\n"
          "14:01      bob | yesterday\n"
          " -------------------- Thu 10 Oct 2024 ----------------------\n"
          " ------------------------- 2 new ---------------------------\n"
          "14:02      bob | today\n"
          "14:03      bob | again\n"
          "[14:01][alice][2:#lobby]                         [connected]\n"
          "[#lobby]\n");
    rooms_open(&s->rooms, 0);
    assert_int_equal(timeline_unread(&lobby->lines), 0);
}

static void test_presence(void **state)
{
    struct stage *s = *state;
    struct timeline *t = &rooms_current(&s->rooms)->lines;
    timeline_presence(t, true, "bob", 0, noon);
    timeline_presence(t, true, "carol", 0, noon);
    assert_int_equal(t->n, 1);
    assert_string_equal(t->entry[0]->text, "bob, carol joined");
    timeline_presence(t, true, "", 6, noon);
    assert_string_equal(t->entry[0]->text, "bob, carol and 6 more joined");
    timeline_presence(t, false, "dave", 0, noon);
    assert_string_equal(t->entry[0]->text, "bob, carol and 6 more joined; dave left");
    say(rooms_current(&s->rooms), "bob", "hi", 1);
    timeline_presence(t, false, "", 3, noon);
    assert_int_equal(t->n, 3);
    assert_string_equal(t->entry[2]->text, "3 people left");
    assert_string_equal(t->entry[2]->from, "<--");
}

/* The server's order is everybody's: an own line goes to where it came back. */
static void test_place(void **state)
{
    struct stage *s = *state;
    struct room *lobby = rooms_current(&s->rooms);
    struct timeline *t = &lobby->lines;
    int64_t id;
    say(lobby, "alice", "mine", 1)->sent = 7;
    timeline_mark_unread(t);
    say(lobby, "bob", "first", 2);
    assert_true(timeline_place(t, 7, 41, noon));
    assert_string_equal(t->entry[1]->text, "mine");
    assert_int_equal(t->entry[1]->number, 41);
    assert_int_equal(t->unread, t->first); /* still the line of bob */
    assert_false(timeline_place(t, 8, 42, noon));
    assert_ptr_equal(timeline_sent(t, 7, &id), t->entry[1]);
    assert_null(timeline_sent(t, 0, &id));
}

static struct timeline_look look_of(unsigned rows)
{
    return (struct timeline_look){.area = {0, 0, 60, rows}, .times = true, .time_format = "%H:%M", .name = 8, .find = "",
                                  .selected = INT64_MAX};
}

static void fill(struct timeline *t, unsigned from, unsigned to)
{
    char text[32];
    for (unsigned i = from; i < to; i++) {
        snprintf(text, sizeof text, "line %u", i);
        timeline_add(t, entry_new(ENTRY_SAYS, "bob", text, noon));
    }
}

/* The texts of the rows, from the view of a timeline. */
static void sees(struct timeline *t, unsigned rows, const char *first, const char *last)
{
    struct screen s = {0};
    struct timeline_look look = look_of(rows);
    struct buf b = {0};
    screen_size(&s, 60, rows);
    timeline_paint(t, &s, &look);
    screen_text(&s, &b);
    buf_put_u8(&b, 0);
    char *text = (char *)buf_head(&b), *end = text + strlen(text) - 1;
    *end = '\0';
    if (!strstr(text, first) || !strstr(strrchr(text, '\n'), last)) print_error("%s\n", text);
    assert_non_null(strstr(text, first));
    assert_true(strstr(text, first) < strchr(text, '\n'));
    assert_non_null(strstr(strrchr(text, '\n'), last));
    buf_free(&b);
    screen_free(&s);
}

static void test_sees(void **state)
{
    struct timeline t;
    struct timeline_look look = look_of(10);
    (void)state;
    timeline_init(&t);
    fill(&t, 0, 30);
    assert_true(timeline_sees(&t, &look, t.first + 29));
    assert_true(timeline_sees(&t, &look, t.first + 20));
    assert_false(timeline_sees(&t, &look, t.first + 19));
    timeline_scroll(&t, &look, 5);
    assert_true(timeline_sees(&t, &look, t.first + 15));
    assert_false(timeline_sees(&t, &look, t.first + 14));
    assert_false(timeline_sees(&t, &look, t.first + 25));
    timeline_free(&t);
}

static void test_scrolling(void **state)
{
    struct timeline t;
    struct timeline_look look = look_of(10);
    (void)state;
    timeline_init(&t);
    fill(&t, 0, 100);
    sees(&t, 10, "line 90", "line 99");
    timeline_scroll(&t, &look, 5);
    sees(&t, 10, "line 85", "line 94");
    fill(&t, 100, 110); /* what comes does not move what is read */
    sees(&t, 10, "line 85", "line 94");
    assert_int_equal(timeline_below(&t), 15);
    struct entry *older[2] = {entry_new(ENTRY_SAYS, "bob", "older 0", noon), entry_new(ENTRY_SAYS, "bob", "older 1", noon)};
    timeline_add_older(&t, older, 2); /* nor what was before */
    sees(&t, 10, "line 85", "line 94");
    timeline_scroll(&t, &look, 1000);
    sees(&t, 10, "older 0", "line 7");
    timeline_scroll(&t, &look, -3);
    sees(&t, 10, "line 1", "line 10");
    timeline_scroll(&t, &look, -1000);
    assert_false(t.scrolled);
    sees(&t, 10, "line 100", "line 109");
    timeline_show(&t, &look, t.first + 2 + 50);
    sees(&t, 10, "line 44", "line 53");
    timeline_free(&t);
}

/* An entry that is higher than the view is scrolled through line by line. */
static void test_long_entry(void **state)
{
    struct timeline t;
    struct timeline_look look = look_of(4);
    struct buf b = {0};
    (void)state;
    timeline_init(&t);
    for (unsigned i = 0; i < 600; i++)
        buf_put(&b, "row\n", 4);
    buf_put_u8(&b, 0);
    timeline_add(&t, entry_new(ENTRY_SAYS, "bob", (char *)buf_head(&b), noon));
    sees(&t, 4, "row", "... longer than is shown");
    timeline_scroll(&t, &look, 1);
    sees(&t, 4, "row", "row");
    timeline_scroll(&t, &look, 1000);
    sees(&t, 4, "14:01      bob | row", "row");
    buf_free(&b);
    timeline_free(&t);
}

static void test_find(void **state)
{
    struct timeline t;
    (void)state;
    timeline_init(&t);
    fill(&t, 0, 50);
    int64_t from = timeline_end(&t) - 1, id = timeline_find(&t, "LINE 1", &from, SIZE_MAX);
    assert_string_equal(timeline_get(&t, id)->text, "line 19");
    from = id - 1;
    assert_true(timeline_find(&t, "line 1", &from, SIZE_MAX) == id - 1);
    from = timeline_end(&t) - 1;
    assert_true(timeline_find(&t, "line 1", &from, 30) == INT64_MAX); /* so far it was not among them … */
    assert_int_equal(timeline_find(&t, "line 1", &from, 1), id);      /* … and here it goes on */
    assert_true(timeline_find(&t, "nowhere", &from, SIZE_MAX) == INT64_MAX);
    assert_int_equal(from, t.first - 1);
    timeline_free(&t);
}

/* What was missing stands between what was there; what is looked at stays in the view. */
static void test_gap(void **state)
{
    struct timeline t;
    struct timeline_look look = look_of(5);
    struct entry *found[3], *e = entry_new(ENTRY_SYSTEM, "", "gap", noon);
    (void)state;
    timeline_init(&t);
    fill(&t, 0, 10);
    entry_gap(e, &(struct gap){.before = 20, .missing = 3});
    timeline_add(&t, e);
    fill(&t, 20, 30);
    assert_true(timeline_gap(&t, &look) == INT64_MAX);
    timeline_scroll(&t, &look, 8);
    sees(&t, 5, "line 8", "line 21");
    int64_t id = timeline_gap(&t, &look);
    assert_ptr_equal(timeline_get(&t, id), e);
    e->gap->state = GAP_ASKED;
    assert_true(timeline_gap(&t, &look) == INT64_MAX);
    for (size_t i = 0; i < 3; i++)
        found[i] = entry_new(ENTRY_SAYS, "bob", "found", noon);
    t.unread = t.first + 4;
    timeline_fill(&t, id, found, 3);
    assert_string_equal(timeline_get(&t, t.unread)->text, "line 4");
    sees(&t, 5, "found", "line 21");
    timeline_scroll(&t, &look, 4);
    sees(&t, 5, "line 6", "found");
    timeline_free(&t);
}

static void test_bounded(void **state)
{
    struct timeline t;
    (void)state;
    timeline_init(&t);
    t.complete = true;
    fill(&t, 0, TIMELINE_MAX + 1);
    assert_true(t.n <= TIMELINE_MAX && t.n > TIMELINE_MAX / 2);
    assert_false(t.complete);
    sees(&t, 4, "line 199997", "line 200000");
    timeline_free(&t);
}

/* --- rooms --- */

static void test_rooms(void **state)
{
    struct stage *s = *state;
    struct rooms *r = &s->rooms;
    struct room *bob = rooms_want(r, "bob"), *chess = rooms_want(r, "#chess"), *carol = rooms_want(r, "Carol");
    assert_ptr_equal(rooms_want(r, "BOB"), bob);
    assert_ptr_equal(rooms_find(r, "console"), NULL);
    assert_int_equal(rooms_number(r, chess), 3); /* groups before people */
    assert_int_equal(rooms_number(r, carol), 5);
    assert_int_equal(rooms_most_active(r), r->n);
    rooms_activity(r, carol, ACTIVITY_PRESENCE);
    rooms_message(r, chess, false);
    rooms_message(r, bob, true);
    rooms_message(r, rooms_current(r), true); /* the open one has none */
    assert_int_equal(rooms_most_active(r), 3);
    rooms_message(r, chess, true);
    assert_int_equal(rooms_most_active(r), 2); /* a mention counts most */
    rooms_open(r, 2);
    assert_int_equal(chess->unread, 0);
    assert_int_equal(rooms_most_active(r), 3);
    assert_int_equal(r->last, 1);
    assert_true(rooms_close(r, 2));
    assert_int_equal(r->open, 1);
    assert_false(rooms_close(r, 0));
    assert_false(rooms_close(r, 1));
    assert_ptr_equal(rooms_find(r, "#chess"), NULL);
    char name[16];
    for (unsigned i = 0; i < ROOMS_MAX + 10; i++) {
        snprintf(name, sizeof name, "p%u", i);
        rooms_want(r, name);
    }
    assert_int_equal(r->n, ROOMS_MAX);
    assert_ptr_equal(rooms_want(r, "one-too-many"), rooms_console(r));
}

static void test_people(void **state)
{
    struct roll p = {0};
    (void)state;
    assert_non_null(roll_add(&p, "carol"));
    assert_non_null(roll_add(&p, "Bob"));
    assert_null(roll_add(&p, "\033[2J"));
    roll_find(&p, "BOB")->away = true;
    assert_true(roll_add(&p, "bob")->away);
    assert_int_equal(p.n, 2);
    assert_string_equal(p.person[0].name, "Bob");
    roll_remove(&p, "bob");
    roll_remove(&p, "nobody");
    assert_null(roll_find(&p, "bob"));
    assert_int_equal(p.n, 1);
    roll_free(&p);
}

/* --- rows of the store --- */

#define SLICE(text) {(const uint8_t *)(text), sizeof(text) - 1}

static struct entry *entry_of(const struct vault_row *row, char room[NAME_SIZE])
{
    const struct rows_reader me = {.me = "alice", .highlight = "printf, free", .device = 5};
    rows_room(&me, row, room);
    return rows_entry(&me, row);
}

static void test_rows(void **state)
{
    char room[NAME_SIZE];
    struct vault_row row = {.m = {.flags = WIRE_FLAG_ROOM, .seq = 42, .time_ms = noon, .from = SLICE("bob"), .to = SLICE("#lobby"),
                                  .from_device = 9, .id = 3, .body = SLICE("\0\0hey \033[31m Alice\n14:00 prof: fake")}};
    (void)state;
    struct entry *e = entry_of(&row, room);
    assert_string_equal(room, "#lobby");
    assert_string_equal(e->text, "hey <U+001B>[31m Alice\n14:00 prof: fake");
    assert_true(e->mention && !e->own && e->number == 42 && e->mark == MARK_NONE);
    entry_free(e);
    row.m.body = (struct slice)SLICE("\0\0who calls free twice?");
    e = entry_of(&row, room);
    assert_true(e->mention); /* a word of the setting `highlight` */
    entry_free(e);
    row.m.body = (struct slice)SLICE("\0\0freedom");
    e = entry_of(&row, room);
    assert_false(e->mention);
    entry_free(e);
    row.m.from = (struct slice)SLICE("alice");
    row.m.from_device = 5;
    e = entry_of(&row, room);
    assert_true(e->own && e->sent == 3 && e->mark == MARK_STORED && !e->mention);
    entry_free(e);
    row = (struct vault_row){.how = VAULT_SEALED, .m = {.time_ms = noon, .from = SLICE("bob"), .to = SLICE("alice"), .body = SLICE("\0\1waves")}};
    e = entry_of(&row, room);
    assert_string_equal(room, "bob");
    assert_string_equal(e->text, "bob waves");
    assert_int_equal(e->kind, ENTRY_ACTS);
    assert_int_equal(e->number, 0);
    entry_free(e);
    row.how = VAULT_PLAIN;
    row.m.body = (struct slice)SLICE("\0\0hi");
    e = entry_of(&row, room);
    assert_string_equal(e->text, "[not sealed] hi");
    entry_free(e);
    row.how = VAULT_UNOPENED;
    row.m.body = (struct slice)SLICE("\1");
    e = entry_of(&row, room);
    assert_int_equal(e->kind, ENTRY_SYSTEM);
    assert_non_null(strstr(e->text, "a message from bob could not be opened"));
    entry_free(e);
    row.how = VAULT_SEALED; /* of another device of one's own, to somebody else */
    row.m = (struct wire_deliver){.from = SLICE("alice"), .to = SLICE("bob"), .from_device = 6, .id = 3, .body = SLICE("\0\0hi")};
    e = entry_of(&row, room);
    assert_string_equal(room, "bob");
    assert_true(e->own && e->sent == 0);
    entry_free(e);
}

/* --- who is called, and how it looks --- */

static void test_notify(void **state)
{
    struct notify n;
    struct buf b = {0};
    (void)state;
    notify_init(&n, "xterm-256color", NULL, NULL);
    notify_call(&n, "bob", "writes to you", 1000, &b);
    buf_put_u8(&b, 0);
    assert_string_equal((char *)buf_head(&b), "\a\033]9;bob writes to you\a");
    buf_free(&b);
    notify_call(&n, "BOB", "writes to you", 1000 + NOTIFY_MS - 1, &b);
    assert_int_equal(buf_len(&b), 0);
    notify_call(&n, "carol", "writes to you", 1001, &b);
    assert_true(buf_len(&b) > 0);
    buf_free(&b);
    notify_call(&n, "bob", "mentions you", 1000 + NOTIFY_MS, &b);
    assert_true(buf_len(&b) > 0);
    buf_free(&b);
    notify_init(&n, "foot", NULL, "/tmp/tmux");
    notify_call(&n, "bob", "writes to you", 0, &b);
    buf_put_u8(&b, 0);
    assert_string_equal((char *)buf_head(&b), "\a\033Ptmux;\033\033]777;notify;bob;writes to you\a\033\\");
    buf_free(&b);
    notify_init(&n, "linux", NULL, NULL);
    char name[8];
    for (unsigned i = 0; i < NOTIFY_PEOPLE + 5; i++) {
        snprintf(name, sizeof name, "p%u", i);
        notify_call(&n, name, "writes to you", i, &b);
    }
    assert_int_equal(buf_len(&b), NOTIFY_PEOPLE + 5); /* a bell each, and no escape */
    assert_int_equal(n.n, NOTIFY_PEOPLE);
    buf_free(&b);
}

static void test_palettes(void **state)
{
    (void)state;
    assert_int_equal(palette_find("light"), PALETTE_LIGHT);
    assert_int_equal(palette_find("pink"), PALETTES);
    assert_int_equal(palette_fit(PALETTE_AUTO, 256, NULL), PALETTE_DARK);
    assert_int_equal(palette_fit(PALETTE_AUTO, 256, "0;15"), PALETTE_LIGHT);
    assert_int_equal(palette_fit(PALETTE_AUTO, 256, "15;default;0"), PALETTE_DARK);
    assert_int_equal(palette_fit(PALETTE_DARK, 16, NULL), PALETTE_16);
    assert_int_equal(palette_fit(PALETTE_DARK, 0, NULL), PALETTE_NONE);
    assert_int_equal(palette_fit(PALETTE_NONE, 256, NULL), PALETTE_NONE);
    for (int style = 0; style < STYLES; style++) { /* nothing by colour alone */
        const struct palette_row *row = palette_row(PALETTE_NONE, (enum style)style);
        assert_true(row->fg == -1 && row->bg == -1);
    }
    assert_true(palette_row(PALETTE_NONE, STYLE_ALERT)->reverse);
}

int main(void)
{
#define STAGED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        STAGED(test_small),
        STAGED(test_tiny),
        STAGED(test_wide),
        STAGED(test_sizes),
        STAGED(test_input_lines),
        STAGED(test_title),
        STAGED(test_days_and_unread),
        STAGED(test_presence),
        STAGED(test_place),
        STAGED(test_inbox),
        STAGED(test_moves),
        STAGED(test_list),
        STAGED(test_selected),
        STAGED(test_links),
        cmocka_unit_test(test_scrolling),
        cmocka_unit_test(test_sees),
        cmocka_unit_test(test_long_entry),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_gap),
        cmocka_unit_test(test_bounded),
        STAGED(test_rooms),
        cmocka_unit_test(test_people),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_notify),
        cmocka_unit_test(test_palettes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
