/* terminal.c - see terminal.h. */
#define NCURSES_WIDECHAR 1
#include "terminal.h"

#include <curses.h>
#include <term.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "answer.h"
#include "links.h"
#include "log.h"
#include "width.h"

struct terminal {
    SCREEN *curses;
    struct screen shown; /* what was sent last */
    enum palette palette;
    bool open_question; /* dark or light was a guess */
    struct buf links; /* what makes links of the rows that are drawn */
    bool link;        /* the terminal knows them */
    bool ruled; /* rules as lines, not as - and | */
};

/* What comes in one paste is told apart from what is typed. */
static const char paste_on[] = "\033[?2004h", paste_off[] = "\033[?2004l";

static void send(const char *text)
{
    fputs(text, stdout);
    fflush(stdout);
}

/* Texts are UTF-8 whatever the locale says; curses wants one that says so. */
static bool take_locale(void)
{
    setlocale(LC_ALL, "");
    bool utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    if (!utf8) setlocale(LC_CTYPE, "C.UTF-8");
    return utf8;
}

static void take_palette(struct terminal *t)
{
    for (short i = 0; t->palette != PALETTE_NONE && i < STYLES; i++) {
        const struct palette_row *row = palette_row(t->palette, (enum style)i);
        init_pair((short)(i + 1), row->fg, row->bg);
    }
}

static void take_colours(struct terminal *t, enum palette palette)
{
    bool some = has_colors() && start_color() == OK && use_default_colors() == OK;
    t->palette = palette_fit(palette, some ? COLORS : 0, getenv("COLORFGBG"));
    t->open_question = palette == PALETTE_AUTO && !getenv("COLORFGBG") &&
                       (t->palette == PALETTE_DARK || t->palette == PALETTE_LIGHT);
    take_palette(t);
}

void terminal_theme(struct terminal *t, enum palette palette)
{
    take_colours(t, palette);
}

struct terminal *terminal_open(enum palette palette, struct why *why)
{
    struct terminal *t = xcalloc(1, sizeof *t);
    t->ruled = take_locale();
    t->curses = newterm(NULL, stdout, stdin);
    if (!t->curses) {
        why_set(why, "the terminal \"%s\" is not known here", getenv("TERM") ? getenv("TERM") : "");
        why_hint(why, "use --plain, or set TERM");
        free(t);
        return NULL;
    }
    raw(); /* Ctrl-C, Ctrl-S, Ctrl-V and Ctrl-Z are keys like others */
    noecho();
    nonl(); /* Enter and Ctrl-J are told apart */
    take_colours(t, palette);
    t->link = links_known(getenv);
    send(paste_on);
    return t;
}

void terminal_close(struct terminal *t)
{
    if (!t) return;
    send(paste_off);
    endwin();
    delscreen(t->curses);
    screen_free(&t->shown);
    buf_free(&t->links);
    free(t);
}

bool terminal_ask(struct terminal *t)
{
    if (t->open_question) send(ANSWER_ASKS);
    return t->open_question;
}

void terminal_background(struct terminal *t, bool light)
{
    t->palette = light ? PALETTE_LIGHT : PALETTE_DARK;
    take_palette(t);
}

void terminal_size(struct terminal *t, unsigned *cols, unsigned *rows)
{
    struct winsize size;
    (void)t;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col && size.ws_row)
        if (size.ws_col != COLS || size.ws_row != LINES) resizeterm(size.ws_row, size.ws_col);
    *cols = (unsigned)COLS;
    *rows = (unsigned)LINES;
}

/* --- drawing --- */

static attr_t attributes(const struct terminal *t, enum style style)
{
    const struct palette_row *row = palette_row(t->palette, style);
    return (row->bold ? A_BOLD : 0) | (row->reverse ? A_REVERSE : 0) | (row->underline ? A_UNDERLINE : 0);
}

static short pair(const struct terminal *t, enum style style)
{
    return t->palette == PALETTE_NONE ? 0 : (short)(style + 1);
}

static bool is_line(const struct terminal *t, const struct cell *c)
{
    return t->ruled && (c->style == STYLE_RULE || c->style == STYLE_NEW) && (c->text[0] == '-' || c->text[0] == '|');
}

/* The characters of a cell; 0: curses would give it another width, and lose its place. */
static size_t characters(const struct cell *c, wchar_t out[CELL_MARKS + 2])
{
    size_t n = 0, len = strlen(c->text);
    int32_t cp;
    for (size_t i = 0; i < len && n < CELL_MARKS + 1; n++) {
        i += width_char(c->text + i, len - i, &cp);
        if (cp < 0 || wcwidth((wchar_t)cp) != (n ? 0 : c->width)) return 0;
        out[n] = (wchar_t)cp;
    }
    out[n] = L'\0';
    return n;
}

static void put_cell(const struct terminal *t, unsigned col, unsigned row, const struct cell *c)
{
    static const wchar_t unknown[] = L"\uFFFD";
    wchar_t text[CELL_MARKS + 2];
    cchar_t out;
    attr_t attr = attributes(t, c->style);
    size_t n = characters(c, text);
    if (is_line(t, c)) wcscpy(text, c->text[0] == '-' ? L"\u2500" : L"\u2502");
    for (unsigned i = 0; i < (n ? 1U : c->width); i++) {
        setcchar(&out, n ? text : unknown, attr, pair(t, c->style), NULL);
        mvadd_wch((int)row, (int)(col + i), &out);
    }
}

static void put_row(const struct terminal *t, const struct screen *s, unsigned row)
{
    for (unsigned col = 0; col < s->cols; col++)
        if (screen_cell(s, col, row)->width) put_cell(t, col, row, screen_cell(s, col, row));
}

/*
 * The whole screen scrolls again: when the terminal changed its size while curses was between setting a region
 * and taking it back, it took it back to the old size.
 */
static void reset_region(const struct screen *s)
{
    if (!change_scroll_region) return;
    putp(tiparm(change_scroll_region, 0, (int)s->rows - 1));
    fflush(stdout);
}

/* --- links --- */

__attribute__((format(printf, 2, 3))) static void put_link_text(struct terminal *t, const char *fmt, ...)
{
    char text[64];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    buf_put(&t->links, text, (size_t)n);
}

/* The look of a style, as curses has sent it. */
static void put_look(struct terminal *t, const struct palette_row *row)
{
    const char *kind = t->palette == PALETTE_16 ? "" : "8;5;";
    put_link_text(t, "\033[0%s%s%s", row->bold ? ";1" : "", row->underline ? ";4" : "", row->reverse ? ";7" : "");
    if (t->palette != PALETTE_NONE && row->fg >= 0) put_link_text(t, ";3%s%d", kind, row->fg);
    if (t->palette != PALETTE_NONE && row->bg >= 0) put_link_text(t, ";4%s%d", kind, row->bg);
    put_link_text(t, "m");
}

/*
 * curses knows no links: the cells of one are written once more, the same but with OSC 8 around them, behind its
 * back and without moving its cursor. The address is printable ASCII (links.h). Gives the column behind them.
 */
static unsigned put_link(struct terminal *t, const struct screen *s, unsigned col, unsigned row)
{
    const struct cell *first = screen_cell(s, col, row);
    const char *address = screen_address(s, first->link);
    put_link_text(t, "\033[%u;%uH", row + 1, col + 1);
    put_look(t, palette_row(t->palette, first->style));
    put_link_text(t, "\033]8;;");
    buf_put(&t->links, address, strlen(address));
    put_link_text(t, "\033\\");
    for (; col < s->cols; col++) {
        const struct cell *c = screen_cell(s, col, row);
        if (c->link != first->link || c->style != first->style) break;
        buf_put(&t->links, c->text, strlen(c->text));
    }
    put_link_text(t, "\033]8;;\033\\");
    return col;
}

static void put_links(struct terminal *t, const struct screen *s, unsigned row)
{
    for (unsigned col = 0; col < s->cols;)
        if (screen_cell(s, col, row)->link)
            col = put_link(t, s, col, row);
        else
            col++;
}

static void send_links(struct terminal *t)
{
    if (buf_len(&t->links) == 0) return;
    send("\0337"); /* curses' cursor and attributes */
    terminal_send(t, (struct slice){buf_head(&t->links), buf_len(&t->links)});
    send("\0338");
    buf_drop(&t->links, buf_len(&t->links));
}

/* Where the links of both lead to the same places, a row tells by its cells whether it has changed. */
static bool same_links(const struct screen *a, const struct screen *b)
{
    size_t n = buf_len(&a->links);
    return n == buf_len(&b->links) && (n == 0 || memcmp(buf_head(&a->links), buf_head(&b->links), n) == 0);
}

static bool has_link(const struct screen *s, unsigned row)
{
    for (unsigned col = 0; col < s->cols; col++)
        if (screen_cell(s, col, row)->link) return true;
    return false;
}

void terminal_draw(struct terminal *t, const struct screen *s, bool all)
{
    size_t line = s->cols * sizeof(struct cell);
    if (s->cols != t->shown.cols || s->rows != t->shown.rows) {
        screen_size(&t->shown, s->cols, s->rows);
        all = true;
    }
    bool same = same_links(s, &t->shown);
    if (all) {
        reset_region(s);
        clearok(curscr, TRUE);
    }
    for (unsigned row = 0; row < s->rows; row++) {
        const struct cell *from = screen_cell(s, 0, row);
        struct cell *to = &t->shown.cell[(size_t)row * s->cols];
        if (!all && memcmp(from, to, line) == 0 && (same || !has_link(s, row))) continue;
        memcpy(to, from, line);
        put_row(t, s, row);
        if (t->link) put_links(t, s, row);
    }
    if (!same) {
        buf_drop(&t->shown.links, buf_len(&t->shown.links));
        buf_put(&t->shown.links, buf_head(&s->links), buf_len(&s->links));
    }
    move((int)s->cursor_row, (int)s->cursor_col);
    refresh();
    send_links(t);
}

/* --- giving it to others --- */

void terminal_leave(struct terminal *t)
{
    (void)t;
    send(paste_off);
    endwin();
}

void terminal_return(struct terminal *t)
{
    (void)t;
    reset_prog_mode();
    refresh();
    send(paste_on);
}

void terminal_send(struct terminal *t, struct slice bytes)
{
    (void)t;
    fwrite(bytes.data, 1, bytes.len, stdout);
    fflush(stdout);
}
