/*
 * log.h - one line an event, for people and for programs.
 *
 * An event has a level, a subsystem, a name and fields: names are an API (listed in
 * csce513fall24Msgd(8)), so scripts can rely on them. Never log content of messages, keys, or file
 * names in clear. Control bytes in any value are escaped, so a hostile name cannot reach the
 * terminal or forge a line. Each line leaves with one write(2) to stderr and is at most
 * LOG_LINE_MAX bytes; of a longer one the values that do not fit are cut or left out, and it ends
 * in a mark of that ("cut"), in valid syntax.
 *
 *   LOG(LOG_INFO, "session", "open", log_s("user", name), log_u("w", slot));
 *
 * Not thread-safe state apart from configuration: any thread may log after log_init(). Logging
 * changes no errno, allocates nothing and needs write(2), poll(2) and clock_gettime(2) alone, so it works in
 * a sandbox, too. A line that stderr does not take, because
 * nobody reads, is left out and counted; how many there were is said when somebody reads again.
 *
 * With JOURNAL_STREAM in the environment and stderr no terminal, lines carry the priority prefix of
 * the journal, "<3>" (error) to "<7>" (debug), and no time.
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_MAX 2048 /* bytes, line end included */

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_PRETTY, LOG_LOGFMT, LOG_JSON };

struct log_field {
    const char *key; /* NULL ends a list */
    enum { LOG_FIELD_STR, LOG_FIELD_INT, LOG_FIELD_UINT } kind;
    const char *str;
    int64_t num;
};

/* String field; a NULL value is logged as "-". The string must live until LOG() returns. */
static inline struct log_field log_s(const char *key, const char *value)
{
    return (struct log_field){key, LOG_FIELD_STR, value, 0};
}

static inline struct log_field log_i(const char *key, int64_t value)
{
    return (struct log_field){key, LOG_FIELD_INT, 0, value};
}

static inline struct log_field log_u(const char *key, uint64_t value)
{
    return (struct log_field){key, LOG_FIELD_UINT, 0, (int64_t)value};
}

/*
 * Sets how this process logs; call it before the sandbox (it reads the time zone) and again in a
 * child that forks without exec (it notes the pid). role: "master", "worker", "broker", …, a
 * static string that logfmt and json lines carry. colour applies to LOG_PRETTY alone.
 */
void log_init(const char *role, enum log_format format, enum log_level level, bool colour);

/* What suits stderr: LOG_PRETTY on a terminal, else LOG_LOGFMT. */
enum log_format log_auto_format(void);

/*
 * Whether stderr should be coloured: a terminal that is not "dumb", and NO_COLOR not set (to
 * anything but the empty string). CLICOLOR_FORCE stands in for the terminal, never for NO_COLOR.
 */
bool log_auto_colour(void);

/* Changes the level while running (SIGHUP). */
void log_set_level(enum log_level level);

/* True when an event of this level would be written: spares the caller costly fields. */
bool log_wants(enum log_level level);

/* Use LOG(). fields ends with a NULL key. */
void log_write(enum log_level level, const char *sub, const char *ev,
               const struct log_field *fields);

#define LOG(level, sub, ev, ...)                                                            \
    do {                                                                                    \
        if (log_wants(level))                                                               \
            log_write(level, sub, ev, (struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}}); \
    } while (0)

/*
 * Makes foreign text visible, for a log or an error message: control bytes, ESC, DEL and bytes that
 * are not UTF-8 become \x1b, C1 and direction controls, invisible and separator characters
 * \u202e; everything else stays. Writes at most size bytes with the terminator (size > 0), never a
 * part of a character or of an escape; returns the length.
 */
size_t log_escape(char *out, size_t size, const char *text, size_t len);

/*
 * The environment failed (no memory, disk gone, a system call that cannot fail did): logs
 * "fatal" with the text (printf format) and exits with status 1. A peer that misbehaves is
 * never a reason to call this; a bug of ours is assert()'s.
 */
_Noreturn void fatal(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* malloc, calloc, realloc, strdup that call fatal() instead of returning NULL. */
void *xmalloc(unsigned long size) __attribute__((malloc, returns_nonnull));
void *xcalloc(unsigned long n, unsigned long size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *p, unsigned long size) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));

#endif
