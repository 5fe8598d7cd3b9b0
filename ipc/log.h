/*
 * log.h - one line an event, for people and for programs.
 *
 * An event has a level, a subsystem, a name and fields: names are an API (listed in
 * csce513fall24Msgd(8)), so scripts can rely on them. Never log content of messages, keys, or file
 * names in clear. Control bytes in any value are escaped, so a hostile name cannot reach the
 * terminal or forge a line. Each line leaves with one write(2) to stderr.
 *
 *   LOG(LOG_INFO, "session", "open", log_s("user", name), log_u("w", slot));
 *
 * Not thread-safe state apart from configuration: any thread may log after log_init().
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stdint.h>

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
 * Sets how this process logs. role: "master", "worker", "broker", …, printed in every line
 * (static string). colour applies to LOG_PRETTY alone.
 */
void log_init(const char *role, enum log_format format, enum log_level level, bool colour);

/* Changes the level while running (SIGHUP). */
void log_set_level(enum log_level level);

/* True when an event of this level would be written: spares the caller costly fields. */
bool log_wants(enum log_level level);

/* Use LOG(). fields ends with a NULL key. */
void log_write(enum log_level level, const char *sub, const char *ev,
               const struct log_field *fields);

#define LOG(level, sub, ev, ...)                                                                   \
    do {                                                                                           \
        if (log_wants(level))                                                                      \
            log_write(level, sub, ev, (struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}});        \
    } while (0)

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
