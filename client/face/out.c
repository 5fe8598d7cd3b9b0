/* out.c - see out.h. */
#include "out.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <utf8proc.h>

#include "../show.h"

static bool write_all(int fd, const uint8_t *data, size_t n)
{
    while (n) {
        ssize_t done = write(fd, data, n);
        if (done < 0 && errno == EAGAIN) {
            struct pollfd p = {.fd = fd, .events = POLLOUT};
            poll(&p, 1, -1);
            continue;
        }
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return false;
        data += done;
        n -= (size_t)done;
    }
    return true;
}

bool out_line(int fd, const struct buf *line)
{
    struct buf b = {0};
    buf_put(&b, line->data ? buf_head(line) : (const uint8_t *)"", buf_len(line));
    buf_put_u8(&b, '\n');
    bool open = write_all(fd, buf_head(&b), buf_len(&b));
    int error = errno;
    buf_free(&b);
    errno = error;
    return open;
}

static void put_escape(struct buf *out, unsigned unit)
{
    char text[16];
    snprintf(text, sizeof text, "\\u%04X", unit & 0xFFFF);
    buf_put(out, text, 6);
}

/* Outside of strings a JSON text of ours has nothing but printable ASCII, so all may be treated
 * alike. */
static void put_safe(struct buf *out, const char *text, size_t n)
{
    for (size_t at = 0; at < n;) {
        utf8proc_int32_t cp;
        utf8proc_ssize_t len =
            utf8proc_iterate((const uint8_t *)text + at, (utf8proc_ssize_t)(n - at), &cp);
        if (len <= 0) break;
        if (!show_unsafe(cp))
            buf_put(out, text + at, (size_t)len);
        else if (cp > 0xFFFF) {
            put_escape(out, 0xD7C0u + ((unsigned)cp >> 10));
            put_escape(out, 0xDC00u + ((unsigned)cp & 0x3FF));
        } else
            put_escape(out, (unsigned)cp);
        at += (size_t)len;
    }
}

void out_json_text(struct buf *out, json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
    if (text) put_safe(out, text, strlen(text));
    free(text);
    json_decref(object);
}

bool out_json(json_t *object)
{
    struct buf b = {0};
    out_json_text(&b, object);
    bool open = out_line(STDOUT_FILENO, &b);
    buf_free(&b);
    return open;
}

json_t *out_text(struct slice text)
{
    if (show_is_utf8(text)) return json_stringn((const char *)text.data, text.len);
    struct buf b = {0};
    show_body(&b, text, "");
    json_t *s = json_stringn((const char *)buf_head(&b), buf_len(&b));
    buf_free(&b);
    return s;
}

json_t *out_time(uint64_t ms)
{
    char date[32], text[48];
    struct tm tm;
    time_t t = (time_t)(ms / 1000);
    if (!gmtime_r(&t, &tm)) return json_null();
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text, sizeof text, "%s.%03uZ", date, (unsigned)(ms % 1000));
    return json_string(text);
}

void out_why(const struct why *why)
{
    out_say("error: %s", why->what);
    if (why->hint[0]) out_say("hint: %s", why->hint);
}

void out_say(const char *fmt, ...)
{
    char text[2048];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text - 1, fmt, ap);
    va_end(ap);
    if (n < 0) return;
    if (n > (int)sizeof text - 2) n = (int)sizeof text - 2;
    text[n] = '\n';
    write_all(STDERR_FILENO, (const uint8_t *)text, (size_t)n + 1);
}
