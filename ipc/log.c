/*
 * log.c - see log.h. A line is put together on the stack and written at once, so threads need no
 * lock. Every byte that comes from outside passes through unit_visible().
 */
#include "log.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
    const char *role;
    enum log_format format;
    _Atomic(enum log_level) level;
    bool colour;
    bool journal;
    pid_t pid;
} how = {.role = "-", .format = LOG_LOGFMT, .level = LOG_INFO};

static const struct {
    const char *word, *shout, *colour, *journal;
} levels[] = {
    [LOG_ERROR] = {"error", "ERROR", "\x1b[31m", "<3>"},
    [LOG_WARN] = {"warn", "WARN ", "\x1b[33m", "<4>"},
    [LOG_INFO] = {"info", "INFO ", "\x1b[32m", "<6>"},
    [LOG_DEBUG] = {"debug", "DEBUG", "\x1b[2m", "<7>"},
};

static bool environment_says(const char *name)
{
    const char *value = getenv(name);
    return value && *value;
}

/* Terminals started from a desktop inherit JOURNAL_STREAM, yet nobody there reads prefixes. */
static bool journal_reads(void)
{
    return environment_says("JOURNAL_STREAM") && !isatty(STDERR_FILENO);
}

void log_init(const char *role, enum log_format format, enum log_level level, bool colour)
{
    tzset();
    how.role = role;
    how.format = format;
    how.level = level;
    how.colour = colour;
    how.journal = journal_reads();
    how.pid = getpid();
}

enum log_format log_auto_format(void)
{
    return isatty(STDERR_FILENO) ? LOG_PRETTY : LOG_LOGFMT;
}

bool log_auto_colour(void)
{
    const char *term = getenv("TERM");
    if (environment_says("NO_COLOR")) return false;
    if (environment_says("CLICOLOR_FORCE")) return true;
    return isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0);
}

void log_set_level(enum log_level level)
{
    how.level = level;
}

bool log_wants(enum log_level level)
{
    return level <= how.level;
}

/* ---- foreign text ---- */

/* Length of the UTF-8 character at s and its code point; 0 when there is no valid one. */
static size_t utf8_take(const unsigned char *s, size_t len, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (n == 0 || s[0] > 0xf4 || n > len) return 0;
    uint32_t c = n == 1 ? s[0] : s[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
        c = c << 6 | (s[i] & 0x3fu);
    }
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) return 0;
    *code = c;
    return n;
}

/* Characters that move the cursor, turn the direction, or cannot be seen. */
static bool is_unseen(uint32_t c)
{
    static const uint32_t ranges[][2] = {
        {0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},       {0x61c, 0x61c},
        {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e},   {0x2060, 0x206f},
        {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (c >= ranges[i][0] && c <= ranges[i][1]) return true;
    return false;
}

enum { UNIT_MAX = 12 };

/*
 * Takes one character from text, puts what to show into out (not terminated) and its length into
 * *shown. Returns the bytes taken; *changed is set when it had to be escaped.
 */
static size_t unit_visible(const char *text, size_t len, char out[UNIT_MAX], size_t *shown,
                           bool *changed)
{
    const unsigned char *s = (const unsigned char *)text;
    uint32_t code = 0;
    if (s[0] >= ' ' && s[0] < 0x7f) { /* nearly all of it */
        *out = *text;
        *shown = 1;
        return 1;
    }
    size_t n = utf8_take(s, len, &code);
    if (n > 0 && !is_unseen(code)) {
        memcpy(out, text, n);
        *shown = n;
        return n;
    }
    *changed = true;
    const char *form = n < 2 ? "\\x%02" PRIx32 : code > 0xffff ? "\\U%08" PRIx32 : "\\u%04" PRIx32;
    *shown = (size_t)snprintf(out, UNIT_MAX, form, n < 2 ? (uint32_t)s[0] : code);
    return n ? n : 1;
}

size_t log_escape(char *out, size_t size, const char *text, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len;) {
        char unit[UNIT_MAX];
        size_t shown;
        bool changed;
        i += unit_visible(text + i, len - i, unit, &shown, &changed);
        if (n + shown >= size) break;
        memcpy(out + n, unit, shown);
        n += shown;
    }
    out[n] = '\0';
    return n;
}

/* ---- the line ---- */

/* TAIL is kept free for what closes a cut line in proper syntax: quote, mark, brace, line end. */
enum { LINE_TAIL = 24, VALUE_MIN = 24 };

struct line {
    size_t len;
    bool gap; /* a field stands before the next one */
    bool cut; /* something did not fit: nothing more is added but the tail */
    char text[LOG_LINE_MAX];
};

static void line_put(struct line *l, const char *s, size_t n)
{
    if (l->cut || l->len + n > sizeof l->text - LINE_TAIL) {
        l->cut = true;
        return;
    }
    memcpy(l->text + l->len, s, n);
    l->len += n;
}

static void line_str(struct line *l, const char *s)
{
    line_put(l, s, strlen(s));
}

/* Into the part that is kept free. */
static void line_close(struct line *l, const char *s)
{
    size_t n = strlen(s);
    memcpy(l->text + l->len, s, n);
    l->len += n;
}

static bool needs_quotes(const char *s, size_t len)
{
    bool changed = len == 0;
    for (size_t i = 0; i < len && !changed;) {
        char unit[UNIT_MAX];
        size_t shown;
        if (strchr(" \"=\\", s[i])) return true;
        i += unit_visible(s + i, len - i, unit, &shown, &changed);
    }
    return changed;
}

/*
 * The visible escapes are text, so in JSON their backslash is doubled: a program that prints the
 * decoded value prints nothing harmful either.
 */
static void line_units(struct line *l, const char *s, size_t len, bool json)
{
    for (size_t i = 0; i < len && !l->cut;) {
        char unit[UNIT_MAX + 1] = "\\";
        size_t shown;
        bool changed = false;
        i += unit_visible(s + i, len - i, unit + 1, &shown, &changed);
        bool slash = unit[1] == '"' || (unit[1] == '\\' && (json || !changed));
        line_put(l, slash ? unit : unit + 1, slash ? shown + 1 : shown);
    }
}

static void line_text(struct line *l, const char *s)
{
    bool json = how.format == LOG_JSON;
    size_t len = strlen(s);
    bool quotes = json || needs_quotes(s, len);
    if (quotes) line_str(l, "\"");
    line_units(l, s, len, json);
    if (quotes) line_close(l, "\"");
}

/*
 * The gap, the key and its mark; nothing of a field is written unless all that and the beginning of
 * its value fit, since a value cut to nothing would look like an empty one.
 */
static void line_key(struct line *l, const char *key)
{
    bool json = how.format == LOG_JSON;
    const char *gap = !l->gap ? "" : json ? "," : " ";
    char text[80];
    int n = snprintf(text, sizeof text, json ? "%s\"%s\":" : "%s%s=", gap, key);
    assert(n > 0 && (size_t)n < sizeof text);
    if (l->len + (size_t)n + VALUE_MIN > sizeof l->text - LINE_TAIL) l->cut = true;
    line_put(l, text, (size_t)n);
    l->gap = true;
}

static void line_field(struct line *l, const struct log_field *f)
{
    char number[24];
    line_key(l, f->key);
    if (l->cut) return;
    switch (f->kind) {
    case LOG_FIELD_STR: line_text(l, f->str ? f->str : "-"); return;
    case LOG_FIELD_INT: snprintf(number, sizeof number, "%" PRId64, f->num); break;
    case LOG_FIELD_UINT: snprintf(number, sizeof number, "%" PRIu64, (uint64_t)f->num); break;
    }
    line_str(l, number);
}

static void line_time(struct line *l, bool pretty)
{
    char text[48];
    struct timespec now;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &now);
    if (pretty)
        localtime_r(&now.tv_sec, &tm);
    else
        gmtime_r(&now.tv_sec, &tm);
    size_t n = strftime(text, sizeof text - 8, pretty ? "%H:%M:%S" : "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + n, sizeof text - n, ".%03ld%s", now.tv_nsec / 1000000, pretty ? " " : "Z");
    if (pretty)
        line_str(l, text);
    else
        line_field(l, &(struct log_field){"time", LOG_FIELD_STR, text, 0});
}

/* `14:10:58.102 INFO  session open    `: columns, so that the eye can run down them. */
static void head_pretty(struct line *l, enum log_level level, const char *sub, const char *ev)
{
    char text[96];
    if (!how.journal) line_time(l, true);
    if (how.colour) line_str(l, levels[level].colour);
    line_str(l, levels[level].shout);
    if (how.colour) line_str(l, "\x1b[0m");
    snprintf(text, sizeof text, " %-7s %-7s ", sub, ev);
    line_str(l, text);
}

static void head_fields(struct line *l, enum log_level level, const char *sub, const char *ev)
{
    if (how.format == LOG_JSON) line_str(l, "{");
    if (!how.journal) line_time(l, false);
    const struct log_field fields[] = {
        log_s("level", levels[level].word),         log_s("sub", sub),       log_s("ev", ev),
        log_i("pid", how.pid ? how.pid : getpid()), log_s("role", how.role),
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        line_field(l, &fields[i]);
}

static void line_end(struct line *l)
{
    static const char *const mark[] = {
        [LOG_PRETTY] = " ...cut", [LOG_LOGFMT] = " cut=yes", [LOG_JSON] = ",\"cut\":true"};
    while (l->len > 0 && l->text[l->len - 1] == ' ')
        l->len--;
    if (l->cut) line_close(l, mark[how.format]);
    line_close(l, how.format == LOG_JSON ? "}\n" : "\n");
}

/*
 * A reader that does not read (a full pipe, a stopped terminal) must not stop the server: what it
 * does not take is counted and left out. A pipe that is ready takes a whole line at once.
 */
static void deliver(const struct line *l)
{
    static _Atomic unsigned missed;
    struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&p, 1, 0) == 0) {
        missed++;
        return;
    }
    unsigned n = atomic_exchange(&missed, 0);
    if (n) log_write(LOG_WARN, "log", "missed", (struct log_field[]){log_u("lines", n), {0}});
    while (write(STDERR_FILENO, l->text, l->len) < 0 && errno == EINTR)
        ;
}

void log_write(enum log_level level, const char *sub, const char *ev,
               const struct log_field *fields)
{
    int saved = errno;
    struct line l;
    l.len = 0;
    l.gap = l.cut = false;
    if (how.journal) line_str(&l, levels[level].journal);
    if (how.format == LOG_PRETTY)
        head_pretty(&l, level, sub, ev);
    else
        head_fields(&l, level, sub, ev);
    for (; fields->key && !l.cut; fields++)
        line_field(&l, fields);
    line_end(&l);
    deliver(&l);
    errno = saved;
}

/* ---- giving up, and memory ---- */

void fatal(const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    LOG(LOG_ERROR, "process", "fatal", log_s("why", text));
    exit(1);
}

static void *checked(void *p, unsigned long size)
{
    if (!p) fatal("out of memory: no %lu bytes", size);
    return p;
}

/* A size of zero is asked for as one byte: malloc(0) may answer NULL without being out of memory.
 */
void *xmalloc(unsigned long size)
{
    return checked(malloc(size ? size : 1), size);
}

void *xcalloc(unsigned long n, unsigned long size)
{
    return checked(n && size ? calloc(n, size) : calloc(1, 1), n * size);
}

void *xrealloc(void *p, unsigned long size)
{
    return checked(realloc(p, size ? size : 1), size);
}

char *xstrdup(const char *s)
{
    unsigned long size = strlen(s) + 1;
    return memcpy(xmalloc(size), s, size);
}
