/* input.c - see input.h. */
#include "input.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <readline/history.h>
#include <readline/readline.h>

#include "../errand.h"
#include "answer.h"
#include "log.h"
#include "paste.h"

enum {
    ESCAPE_MS = 50, /* Escape alone, or the beginning of a key */
    READ_MAX = 4096,
    CTRL_C = 3,
    CTRL_Z = 26,
    ESCAPE = 27,
};

static struct input {
    const struct input_ops *ops;
    void *arg;
    struct answer answer; /* only where the terminal was asked */
    struct buf typed;     /* what is no answer */
    bool asked;
    struct paste paste;
    struct buf keys;   /* for readline */
    uint64_t held_at;  /* the beginning of a mark or key is held since */
    FILE *nowhere;     /* readline draws nothing itself */
    char *kept;        /* the line, while something is asked */
    int kept_point;
    char *next;        /* the text to be put into the line that readline is about to empty */
    bool asks, in_line;
} in;

/* --- actions --- */

#define ACTIONS(X)                                                                                       \
    X(INPUT_NEXT_ACTIVE, next_active, "csmsg-next-active", "\\ea", NULL)                                 \
    X(INPUT_NEXT_ROOM, next_room, "csmsg-next-room", "\\C-n", "\\e[1;3C")                                \
    X(INPUT_PREVIOUS_ROOM, previous_room, "csmsg-previous-room", "\\C-p", "\\e[1;3D")                    \
    X(INPUT_LAST_ROOM, last_room, "csmsg-last-room", "\\e/", NULL)                                       \
    X(INPUT_PAGE_UP, page_up, "csmsg-page-up", "\\e[5~", NULL)                                           \
    X(INPUT_PAGE_DOWN, page_down, "csmsg-page-down", "\\e[6~", NULL)                                     \
    X(INPUT_FIRST_UNREAD, first_unread, "csmsg-first-unread", "\\eu", NULL)                              \
    X(INPUT_SEARCH, search, "csmsg-search", "\\C-s", NULL)                                               \
    X(INPUT_SWITCH, switch_room, "csmsg-switch", "\\C-g", NULL)                                          \
    X(INPUT_EDITOR, editor, "csmsg-editor", "\\ee", "\\C-x\\C-e")                                        \
    X(INPUT_BARE, bare, "csmsg-bare", "\\el", NULL)                                                      \
    X(INPUT_SELECT, select_entry, "csmsg-select", "\\es", NULL)                                            \
    X(INPUT_INBOX, inbox, "csmsg-inbox", "\\ei", NULL)                                                    \
    X(INPUT_ROOMS_PANE, rooms_pane, "csmsg-rooms", "\\e[18~", NULL)                                      \
    X(INPUT_MEMBERS_PANE, members_pane, "csmsg-members", "\\e[19~", NULL)                                \
    X(INPUT_TRANSFERS, transfers, "csmsg-transfers", "\\e[17~", NULL)                                     \
    X(INPUT_HELP, help, "csmsg-help", "\\eOP", "\\e[11~")                                                \
    X(INPUT_REDRAW, redraw, "csmsg-redraw", "\\C-l", NULL)

#define FUNCTION(id, name, word, key, other)                                                             \
    static int act_##name(int count, int by)                                                             \
    {                                                                                                    \
        (void)by;                                                                                        \
        in.ops->action(in.arg, id, count);                                                               \
        return 0;                                                                                        \
    }
ACTIONS(FUNCTION)

static const struct {
    rl_command_func_t *run;
    const char *name, *key, *other;
} actions[] = {
#define ROW(id, name, word, key, other) {act_##name, word, key, other},
    ACTIONS(ROW)};

/* Alt-1 to Alt-9, and Alt-0 for the tenth. */
static int act_number(int count, int key)
{
    (void)count;
    in.ops->action(in.arg, INPUT_ROOM, key == '0' ? 10 : key - '0');
    return 0;
}

static int act_newline(int count, int key)
{
    (void)key;
    while (count-- > 0)
        rl_insert_text("\n");
    return 0;
}

static void bind_in(Keymap map)
{
    char digit[] = "\\e0";
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        rl_bind_keyseq_in_map(actions[i].key, actions[i].run, map);
        if (actions[i].other) rl_bind_keyseq_in_map(actions[i].other, actions[i].run, map);
    }
    for (; digit[2] <= '9'; digit[2]++)
        rl_bind_keyseq_in_map(digit, act_number, map);
    rl_bind_keyseq_in_map("\\e\\C-m", act_newline, map);
    rl_bind_keyseq_in_map("\\C-j", act_newline, map);
}

/* Before ~/.inputrc is read, which may bind them otherwise. */
static void bind_all(void)
{
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        rl_add_funmap_entry(actions[i].name, actions[i].run);
    rl_add_funmap_entry("csmsg-newline", act_newline);
    bind_in(emacs_standard_keymap);
    bind_in(vi_insertion_keymap);
}

/* --- readline's side --- */

/* readline empties its line behind this. */
static void on_line(char *line)
{
    in.in_line = true;
    in.ops->line(in.arg, line);
    in.in_line = false;
    free(line);
    in.ops->changed(in.arg);
}

static void on_redisplay(void)
{
    in.ops->changed(in.arg);
}

/* --- completion --- */

static size_t word_start;

static char *next_word(const char *text, int state)
{
    static size_t at;
    if (state == 0) at = 0;
    return in.ops->word(in.arg, rl_line_buffer, word_start, text, at++);
}

/* Commands whose arguments are files have them completed by readline itself. */
static bool wants_path(const char *line)
{
    static const char *const heads[] = {"/send ", "/sendfile ", "/snip ", "/get ", "/submit "};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if (strncmp(line, heads[i], strlen(heads[i])) == 0) return true;
    return false;
}

static char **complete(const char *text, int start, int end)
{
    (void)end;
    word_start = (size_t)start;
    char **found = rl_completion_matches(text, next_word);
    rl_attempted_completion_over = !wants_path(rl_line_buffer);
    return found;
}

static void on_matches(char **matches, int n, int longest)
{
    (void)longest;
    in.ops->matches(in.arg, matches, n);
}

static void no_terminal(int meta)
{
    (void)meta;
}
static void no_terminal_either(void)
{
}

/* A key that needs another one (of a character in several bytes) waits for it, not for ever. */
static int next_key(FILE *stream)
{
    uint8_t byte = 7; /* Ctrl-G gives up whatever readline is about */
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
    (void)stream;
    if (buf_len(&in.keys) == 0) {
        if (poll(&p, 1, ESCAPE_MS) <= 0 || read(STDIN_FILENO, &byte, 1) != 1) byte = 7;
        return byte;
    }
    byte = *buf_head(&in.keys);
    buf_drop(&in.keys, 1);
    return byte;
}

static int keys_waiting(void)
{
    return buf_len(&in.keys) > 0;
}

void input_open(const struct input_ops *ops, void *arg)
{
    in = (struct input){.ops = ops, .arg = arg, .nowhere = fopen("/dev/null", "we")};
    rl_readline_name = NAME;
    rl_catch_signals = 0;
    rl_catch_sigwinch = 0;
    rl_change_environment = 0;
    rl_outstream = in.nowhere;
    rl_prep_term_function = no_terminal;
    rl_deprep_term_function = no_terminal_either;
    rl_redisplay_function = on_redisplay;
    rl_getc_function = next_key;
    rl_input_available_hook = keys_waiting;
    rl_completion_display_matches_hook = on_matches;
    rl_attempted_completion_function = complete;
    rl_completer_word_break_characters = " ";
    bind_all();
    rl_variable_bind("show-all-if-ambiguous", "on");
    rl_callback_handler_install("", on_line);
    rl_variable_bind("bell-style", "none");
    rl_variable_bind("enable-bracketed-paste", "off"); /* paste.h does it */
}

void input_close(void)
{
    rl_callback_handler_remove();
    if (in.nowhere) fclose(in.nowhere);
    rl_outstream = NULL;
    free(in.kept);
    free(in.next);
    paste_done(&in.paste);
    buf_free(&in.keys);
    buf_free(&in.typed);
    in = (struct input){0};
}

/* --- bytes --- */

/* What is no part of any line: so many of the bytes that wait. */
static size_t special(void)
{
    uint8_t byte = *buf_head(&in.keys);
    size_t taken = in.ops->key(in.arg, (struct slice){buf_head(&in.keys), buf_len(&in.keys)});
    if (taken) return taken;
    if (byte == CTRL_C) in.ops->interrupt(in.arg);
    if (byte == CTRL_Z) in.ops->suspend(in.arg);
    return byte == CTRL_C || byte == CTRL_Z;
}

static void put_next(void)
{
    char *text = in.next;
    if (!text) return;
    in.next = NULL;
    input_set(text);
    if (in.kept_point < rl_end) rl_point = in.kept_point;
    free(text);
}

static void feed(void)
{
    while (buf_len(&in.keys)) {
        size_t taken = special();
        buf_drop(&in.keys, taken);
        if (!taken)
            rl_callback_read_char();
        put_next();
    }
}

static void take_typed(uint8_t byte)
{
    if (!paste_take(&in.paste, byte, &in.keys)) return;
    feed(); /* what was typed before it */
    struct slice text = {buf_len(&in.paste.text) ? buf_head(&in.paste.text) : (const uint8_t *)"",
                         buf_len(&in.paste.text)};
    in.ops->paste(in.arg, text, in.paste.cut);
    paste_done(&in.paste);
}

static void take_all_typed(void)
{
    for (size_t i = 0; i < buf_len(&in.typed); i++)
        take_typed(buf_head(&in.typed)[i]);
    buf_drop(&in.typed, buf_len(&in.typed));
}

static void take(uint8_t byte)
{
    enum answer_is is = in.asked ? answer_take(&in.answer, byte, &in.typed) : ANSWER_NONE;
    if (!in.asked) take_typed(byte);
    if (is != ANSWER_NONE) in.ops->background(in.arg, is == ANSWER_LIGHT);
    take_all_typed();
}

void input_background(void)
{
    in.asked = true;
}

void input_read(void)
{
    uint8_t bytes[READ_MAX];
    ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (n <= 0) {
        in.ops->line(in.arg, NULL);
        return;
    }
    for (ssize_t i = 0; i < n; i++)
        take(bytes[i]);
    feed();
    in.held_at = paste_holds(&in.paste) || answer_holds(&in.answer) ? errand_now() : 0;
}

int input_timeout(void)
{
    if (!in.held_at) return -1;
    uint64_t now = errand_now(), due = in.held_at + ESCAPE_MS;
    return due > now ? (int)(due - now) : 0;
}

/* Escape alone ends a question; to readline it is the beginning of a key. */
void input_tick(void)
{
    if (!in.held_at || input_timeout() != 0) return;
    in.held_at = 0;
    answer_flush(&in.answer, &in.typed);
    take_all_typed();
    paste_flush(&in.paste, &in.keys);
    if (in.asks && buf_len(&in.keys) == 1 && *buf_head(&in.keys) == ESCAPE) {
        buf_drop(&in.keys, 1);
        in.ops->escape(in.arg);
    }
    feed();
}

/* --- the line --- */

const char *input_text(void)
{
    if (in.next) return in.next;
    return rl_line_buffer && !in.in_line ? rl_line_buffer : "";
}

size_t input_cursor(void)
{
    return in.in_line ? 0 : (size_t)rl_point;
}

const char *input_prompt(void)
{
    bool own = rl_readline_state & (RL_STATE_ISEARCH | RL_STATE_NSEARCH | RL_STATE_NUMERICARG);
    return own && rl_display_prompt ? rl_display_prompt : NULL;
}

void input_set(const char *text)
{
    in.kept_point = INT_MAX;
    if (in.in_line) {
        free(in.next);
        in.next = strdup(text);
        return;
    }
    rl_replace_line(text, 1);
    rl_point = rl_end;
    in.ops->changed(in.arg);
}

void input_insert(const char *text)
{
    rl_insert_text(text);
    in.ops->changed(in.arg);
}

void input_kill(struct slice text)
{
    char *line = strdup(input_text()), *copy = strndup((const char *)text.data, text.len);
    int point = rl_point;
    if (line && copy) {
        rl_replace_line(copy, 0);
        rl_kill_text(0, rl_end);
        rl_replace_line(line, 0);
        rl_point = point;
    }
    free(line);
    free(copy);
}

void input_ask(void)
{
    if (in.asks) return;
    int point = in.in_line ? 0 : rl_point;
    free(in.kept);
    in.kept = strdup(in.in_line ? "" : input_text());
    in.asks = true;
    input_set("");
    in.kept_point = point;
}

void input_answered(void)
{
    if (!in.asks) return;
    int point = in.kept_point;
    in.asks = false;
    input_set(in.kept ? in.kept : "");
    in.kept_point = point;
    if (!in.in_line && point <= rl_end) rl_point = point;
}

bool input_asks(void)
{
    return in.asks;
}
