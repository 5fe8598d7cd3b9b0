/*
 * fuzz_log.c - foreign text in log lines of each format, and log_escape(): one line stays one line,
 * harmless, within its size; logfmt and JSON stay well-formed. log.c is compiled in, with write(2)
 * caught.
 */
#include <sys/types.h>
#include <unistd.h>

static char caught[4096];
static size_t caught_len, lines;

static ssize_t catch_line(int fd, const void *line, size_t n);
#define write catch_line
#include "../../ipc/log.c" /* NOLINT: the real file */
#undef write

#include "fuzz.h"

static ssize_t catch_line(int fd, const void *line, size_t n)
{
    CHECK(fd == STDERR_FILENO && n <= LOG_LINE_MAX && n <= sizeof caught);
    memcpy(caught, line, n);
    caught_len = n;
    lines++;
    return (ssize_t)n;
}

/* Skips a JSON string at s[at]; no control bytes, known escapes. */
static size_t json_string(const char *s, size_t at)
{
    CHECK(s[at++] == '"');
    for (; s[at] != '"'; at++) {
        CHECK((unsigned char)s[at] >= 0x20);
        if (s[at] == '\\') CHECK(strchr("\"\\/bfnrt", s[++at]));
    }
    return at + 1;
}

static void check_json(const char *s)
{
    size_t at = 0;
    CHECK(s[at++] == '{');
    for (;;) {
        at = json_string(s, at);
        CHECK(s[at++] == ':');
        if (s[at] == '"')
            at = json_string(s, at);
        else
            at += strspn(s + at, "-0123456789true");
        if (s[at] == '}') break;
        CHECK(s[at++] == ',');
    }
    CHECK(strcmp(s + at, "}\n") == 0);
}

static void check_logfmt(const char *s)
{
    while (*s != '\n') {
        size_t key = strcspn(s, "= \"\n");
        CHECK(key > 0 && s[key] == '=');
        s += key + 1;
        if (*s == '"') {
            for (s++; *s != '"'; s++) {
                CHECK(*s && *s != '\n');
                if (*s == '\\') CHECK(*++s);
            }
            s++;
        } else {
            s += strcspn(s, " \n");
        }
        CHECK(*s == ' ' || *s == '\n');
        if (*s == ' ') s++;
    }
    CHECK(strcmp(s, "\n") == 0);
}

static void line(enum log_format format, const char *a, const char *b, int64_t n)
{
    lines = 0;
    log_init("fuzz", format, LOG_DEBUG, false);
    LOG(LOG_WARN, "auth", "refuse", log_s("name", a), log_u("w", (uint64_t)n), log_s("why", b),
        log_i("n", n));
    CHECK(lines == 1 && caught_len > 1 && caught[caught_len - 1] == '\n');
    CHECK(!memchr(caught, '\n', caught_len - 1));
    fuzz_check_harmless(caught, caught_len, "\n");
    caught[caught_len] = 0;
    if (format == LOG_JSON) check_json(caught);
    if (format == LOG_LOGFMT) check_logfmt(caught);
}

static void escape(const char *text, size_t n, size_t cap)
{
    char *out = malloc(cap);
    CHECK(out);
    size_t len = log_escape(out, cap, text, n);
    CHECK(len < cap && out[len] == 0);
    fuzz_check_harmless(out, len, "");
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cur in = cur_of(data, size);
    size_t cap = 1 + cur_u8(&in);
    int64_t n = (int64_t)cur_u64(&in);
    struct slice first = fuzz_piece(&in), second = cur_rest(&in);
    char *a = malloc(first.len + 1), *b = malloc(second.len + 1);
    memcpy(a, first.data, first.len);
    memcpy(b, second.data, second.len);
    a[first.len] = b[second.len] = 0;
    line(LOG_PRETTY, a, b, n);
    line(LOG_LOGFMT, a, b, n);
    line(LOG_JSON, a, b, n);
    escape(b, second.len, cap);
    free(a);
    free(b);
    return 0;
}
