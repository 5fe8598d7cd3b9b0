/* command_files.c - see command_files.h. Paths are words, in quotes when they hold blanks; ~/ is the home. */
#include "command_files.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "errand.h"
#include "moving.h"
#include "report.h"
#include "report_files.h"
#include "tar.h"

enum { WORDS_MAX = 64, SAY_EVERY_MS = 10000 };

/* The next word of *rest, without its quotes and backslashes: true; false at the end. */
static bool take_word(const char **rest, char out[PATH_MAX])
{
    const char *s = *rest + strspn(*rest, " ");
    char quote = 0;
    size_t n = 0;
    if (!*s) return false;
    for (; *s && (quote || *s != ' ') && n < PATH_MAX - 1; s++) {
        if (quote ? *s == quote : *s == '"' || *s == '\'')
            quote = quote ? 0 : *s;
        else if (*s == '\\' && quote != '\'' && s[1])
            out[n++] = *++s;
        else
            out[n++] = *s;
    }
    out[n] = '\0';
    *rest = s;
    return true;
}

static const char *expand(const char *word, char out[PATH_MAX])
{
    const char *home = getenv("HOME");
    bool tilde = word[0] == '~' && (word[1] == '/' || !word[1]) && home;
    snprintf(out, PATH_MAX, "%s%s", tilde ? home : "", tilde ? word + 1 : word);
    return out;
}

static void say_why(struct chat *c, const struct why *why)
{
    chat_error(c, why->what, why->hint);
}

static void send_one(struct chat *c, const char *word, const char *to)
{
    char path[PATH_MAX], name[FILE_NAME_CAP];
    struct client_put put = {.to = to, .path = expand(word, path), .fd = -1};
    struct why why;
    uint64_t id;
    if (tar_is_folder(path)) {
        put.path = NULL;
        put.name = name;
        put.fd = tar_start(path, &put.child, name, &why);
    }
    if ((!put.path && put.fd < 0) || c->ops->put(c->arg, &put, &id, &why) != CLIENT_FILE_TAKEN)
        say_why(c, &why);
    else if (!c->connected)
        chat_print(c, "  - file %llu waits for the connection", (unsigned long long)id);
}

/* The last word is to whom, when it is a name and no file. */
static bool is_recipient(const char *word)
{
    char path[PATH_MAX];
    bool name = word[0] == '#' ? name_valid_room(word, strlen(word), NULL) : name_valid(word, strlen(word), NULL);
    return name && access(expand(word, path), F_OK) != 0;
}

void cmd_send(struct chat *c, const char *rest)
{
    char *words[WORDS_MAX], word[PATH_MAX], to[NAME_SIZE];
    int n = 0;
    while (n < WORDS_MAX && take_word(&rest, word))
        words[n++] = strdup(word);
    snprintf(to, sizeof to, "%s", c->target);
    bool named = n > 1 && is_recipient(words[n - 1]);
    if (named) snprintf(to, sizeof to, "%s", words[n - 1]);
    if (n == 0) chat_error(c, "send which file?", "/send FILE... [NAME or #GROUP]");
    for (int i = 0; i < n - named; i++)
        send_one(c, words[i], to);
    for (int i = 0; i < n; i++)
        free(words[i]);
}

/* The number that the line begins with. */
static bool take_number(struct chat *c, const char **rest, uint64_t *id)
{
    char word[PATH_MAX];
    if (take_word(rest, word) && moving_number(word, id)) return true;
    chat_error(c, "which file? its number is missing", "/files lists them");
    return false;
}

void cmd_get(struct chat *c, const char *rest)
{
    char word[PATH_MAX], path[PATH_MAX];
    struct why why;
    uint64_t id;
    if (!take_number(c, &rest, &id)) return;
    const char *to = take_word(&rest, word) ? expand(word, path) : NULL;
    if (c->ops->get(c->arg, id, to, &why) != CLIENT_FILE_TAKEN) say_why(c, &why);
}

void cmd_decline(struct chat *c, const char *rest)
{
    struct why why;
    uint64_t id;
    if (!take_number(c, &rest, &id)) return;
    if (c->ops->decline(c->arg, id, &why) != CLIENT_FILE_TAKEN) say_why(c, &why);
}

/* Its place in the table of those under way; NULL: it is full. make: when it is not there. */
static struct buf *line_of(struct chat *c, uint64_t id, struct progress **p, uint64_t **said, bool make)
{
    for (int pass = 0; pass < 1 + make; pass++)
        for (int i = 0; i < CHAT_FILES; i++) {
            if (c->files.moving[i].progress.id != (pass ? 0 : id)) continue;
            *p = &c->files.moving[i].progress;
            *said = &c->files.moving[i].said_ms;
            return &c->files.moving[i].line;
        }
    return NULL;
}

void cmd_files(struct chat *c, const char *rest)
{
    struct file_row row;
    uint64_t after = 0, *said;
    struct progress *p;
    (void)rest;
    while (c->vault && file_book_next(c->vault, after, &row) > 0) {
        struct buf line = {0};
        after = row.id;
        report_file_line(&line, &row);
        const struct buf *moving = line_of(c, row.id, &p, &said, false);
        if (moving) report_put(&line, "\n      %.*s", (int)buf_len(moving), (const char *)buf_head(moving));
        buf_put_u8(&line, 0);
        c->ops->print(c->arg, (const char *)buf_head(&line));
        buf_free(&line);
        file_row_free(&row);
    }
    if (after == 0) chat_print(c, "*** no file was offered yet; /send FILE offers one");
}

/* What takes long is told of now and then. */
static void moves(struct chat *c, const struct client_file_event *e)
{
    struct progress *p;
    uint64_t now = errand_now(), *said;
    struct buf *line = line_of(c, e->row->id, &p, &said, true);
    if (!line) return;
    if (p->id == 0) *said = now;
    progress_take(p, e, now);
    buf_reset(line, 256);
    progress_line(p, e, line);
    if (now < *said + SAY_EVERY_MS) return;
    *said = now;
    chat_print(c, "*** file %llu: %.*s", (unsigned long long)e->row->id, (int)buf_len(line),
               (const char *)buf_head(line));
}

static void forget(struct chat *c, uint64_t id)
{
    struct progress *p;
    uint64_t *said;
    struct buf *line = line_of(c, id, &p, &said, false);
    if (!line) return;
    buf_free(line);
    *p = (struct progress){0};
}

void files_event(struct chat *c, const struct client_file_event *e)
{
    struct buf line = {0};
    if (e->what == CLIENT_FILE_MOVES) {
        moves(c, e);
        return;
    }
    bool bad = e->what == CLIENT_FILE_FAILED;
    if (e->what != CLIENT_FILE_OFFERED && e->what != CLIENT_FILE_WAITS) forget(c, e->row->id);
    report_put(&line, bad ? "error: " : "*** ");
    report_file_news(&line, e);
    if (bad && e->hint && e->hint[0]) report_put(&line, "\nhint: %s", e->hint);
    buf_put_u8(&line, 0);
    c->ops->print(c->arg, (const char *)buf_head(&line));
    buf_free(&line);
}

void files_accept(struct chat *c)
{
    if (c->ops->accept_offers) c->ops->accept_offers(c->arg);
}

void files_free(struct chat *c)
{
    for (int i = 0; i < CHAT_FILES; i++)
        buf_free(&c->files.moving[i].line);
}
