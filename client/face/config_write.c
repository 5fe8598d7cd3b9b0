/* config_write.c - see config.h: changing one line of the file and nothing else of it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../file.h"
#include "config_private.h"
#include "log.h"

enum { FILE_MAX = 256 * 1024 };

int config_read(const char *path, char **text, size_t *len, struct why *why)
{
    char real[PATH_MAX];
    *text = NULL;
    *len = 0;
    if (!realpath(path, real)) { /* it may be a link: many keep such files elsewhere */
        if (errno == ENOENT || errno == ENOTDIR) return 0;
        why_set(why, "cannot open \"%s\": %s", path, strerror(errno));
        return -1;
    }
    char *room = xmalloc(FILE_MAX);
    ssize_t n = file_read(real, 022, room, FILE_MAX, why); /* others may read it, not write commands into it */
    if (n < 0) {
        free(room);
        return -1;
    }
    *text = room;
    *len = (size_t)n;
    return 0;
}

/* --- one line of a text --- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct slice trim(struct slice s)
{
    while (s.len && is_blank((char)s.data[0]))
        s.data++, s.len--;
    while (s.len && (is_blank((char)s.data[s.len - 1]) || s.data[s.len - 1] == '\r'))
        s.len--;
    return s;
}

static bool is(struct slice s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.data, text, s.len) == 0;
}

/* The next line of text from *at, without its end. */
static struct slice next_line(struct slice text, size_t *at)
{
    const uint8_t *end = memchr(text.data + *at, '\n', text.len - *at);
    struct slice line = {text.data + *at, (end ? (size_t)(end - text.data) : text.len) - *at};
    *at += line.len + (end != NULL);
    return line;
}

/* The name of a section when the line begins one. */
static bool header(struct slice line, struct slice *name)
{
    line = trim(line);
    if (line.len < 2 || line.data[0] != '[') return false;
    const uint8_t *end = memchr(line.data, ']', line.len);
    if (!end) return false;
    *name = (struct slice){line.data + 1, (size_t)(end - line.data) - 1};
    return true;
}

static bool has_key(struct slice line, const char *key)
{
    const uint8_t *mark = memchr(line.data, '=', line.len);
    return mark && is(trim((struct slice){line.data, (size_t)(mark - line.data)}), key);
}

/* The comment behind a value, with the blanks before it. */
static struct slice comment_of(struct slice line)
{
    for (size_t i = 1; i < line.len; i++) {
        if (line.data[i] != '#' || !is_blank((char)line.data[i - 1])) continue;
        if (i + 1 < line.len && !is_blank((char)line.data[i + 1])) continue;
        while (i && is_blank((char)line.data[i - 1]))
            i--;
        return (struct slice){line.data + i, line.len - i};
    }
    return (struct slice){line.data, 0};
}

static void put(struct buf *out, const char *text)
{
    buf_put(out, text, strlen(text));
}

static void put_pair(struct buf *out, const char *key, const char *value, struct slice comment)
{
    put(out, key);
    put(out, value[0] ? " = " : " =");
    put(out, value);
    buf_put(out, comment.data, comment.len);
    put(out, "\n");
}

static void put_line(struct buf *out, struct slice line)
{
    buf_put(out, line.data, line.len);
    put(out, "\n");
}

/* Where the file has the key (line number, from 1), and behind which line one belongs that it has not: 0, no such
 * section. */
static void look(struct slice text, const char *section, const char *key, unsigned *found, unsigned *last)
{
    bool inside = false;
    struct slice name;
    unsigned n = 0;
    *found = *last = 0;
    for (size_t at = 0; at < text.len;) {
        struct slice line = next_line(text, &at);
        n++;
        if (header(line, &name)) inside = is(name, section);
        if (!inside) continue;
        if (trim(line).len) *last = n;
        if (trim(line).len && trim(line).data[0] != '#' && has_key(line, key)) *found = n;
    }
}

void config_edit(struct slice text, const char *section, const char *key, const char *value, struct buf *out)
{
    unsigned found, last, n = 0;
    const struct slice none = {(const uint8_t *)"", 0};
    look(text, section, key, &found, &last);
    for (size_t at = 0; at < text.len;) {
        struct slice line = next_line(text, &at);
        n++;
        if (n != found)
            put_line(out, line);
        else if (value)
            put_pair(out, key, value, comment_of(line));
        if (!found && n == last && value) put_pair(out, key, value, none);
    }
    if (found || last || !value) return;
    if (text.len) put(out, "\n");
    put(out, "[");
    put(out, section);
    put(out, "]\n");
    put_pair(out, key, value, none);
}

/* --- the file --- */

/* Reads, edits and replaces the file while no other process of ours does. */
static int rewrite(const char *path, const char *section, const char *key, const char *value, struct why *why)
{
    char real[PATH_MAX], *text;
    size_t len;
    struct buf out = {0};
    if (!realpath(path, real)) snprintf(real, sizeof real, "%s", path);
    int lock = file_lock_folder(real, why);
    if (lock < 0) return -1;
    int r = config_read(real, &text, &len, why);
    if (r == 0) {
        config_edit((struct slice){(const uint8_t *)(text ? text : ""), len}, section, key, value, &out);
        r = file_replace(real, buf_len(&out) ? buf_head(&out) : (const uint8_t *)"", buf_len(&out), why);
    }
    free(text);
    buf_free(&out);
    close(lock);
    return r;
}

static int make_folder(const char *path, struct why *why)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (!slash || slash == folder) return 0;
    *slash = '\0';
    return file_make_folder(folder, why);
}

static int write_line(const struct config *c, const char *section, const char *key, const char *value,
                      struct why *why)
{
    if (!c->path[0]) {
        why_set(why, "cannot tell where the config file is: HOME is not set");
        why_hint(why, "use --config FILE");
        return -1;
    }
    return make_folder(c->path, why) < 0 ? -1 : rewrite(c->path, section, key, value, why);
}

static int say_fault(const struct conf_fault *fault, struct why *why)
{
    why_set(why, "%s", fault->what);
    why_hint(why, "%s", fault->hint);
    return -1;
}

static int unknown_key(const char *key, struct why *why)
{
    const char *names[CONF_MAX_KEYS];
    char shown[80];
    for (size_t i = 0; i < config_count; i++)
        names[i] = config_table[i].key;
    const char *near = conf_nearest(key, names, config_count);
    log_escape(shown, sizeof shown, key, strlen(key));
    why_set(why, "unknown key \"%s\"", shown);
    if (near)
        why_hint(why, "did you mean \"%s\"?", near);
    else
        why_hint(why, "/set, or " NAME " config show, lists the keys");
    return -1;
}

static void read_again(struct config *c, const struct conf_key *k)
{
    struct config fresh;
    struct conf_fault fault;
    struct why why;
    struct buf text = {0};
    if (config_load(&fresh, c->path, c->profile, &why) < 0) return;
    config_value(&fresh, k, &text);
    conf_value_set(k, &c->v, (const char *)buf_head(&text), &fault);
    buf_free(&text);
    config_free(&fresh);
}

int config_set(struct config *c, const char *key, const char *value, struct why *why)
{
    char section[CONFIG_WORD + 16] = "client";
    const struct conf_key *k = config_find(key);
    struct conf_fault fault;
    if (!k) return unknown_key(key, why);
    const char *text = value ? value : k->def;
    struct config_values new = c->v;
    if (!conf_value_set(k, &new, text, &fault) || !config_check(k, text, &fault)) return say_fault(&fault, why);
    if (c->profile[0] && strcmp(k->key, "profile") != 0) snprintf(section, sizeof section, "profile %s", c->profile);
    if (write_line(c, section, k->key, value, why) < 0) return -1;
    if (value)
        c->v = new;
    else
        read_again(c, k); /* below a profile, [client] may say something else than the default */
    return 0;
}

int config_set_pair(struct config *c, const char *section, const char *name, const char *line, struct why *why)
{
    struct conf_fault fault;
    struct config_pairs *pairs = strcmp(section, "alias") == 0 ? &c->alias : &c->bind;
    if (line && !config_pair_check(section, name, line, &fault)) return say_fault(&fault, why);
    if (line && !config_pair(pairs, name) && pairs->n == CONFIG_PAIRS) {
        why_set(why, "there are %d already", CONFIG_PAIRS);
        return -1;
    }
    if (!line && !config_pair(pairs, name)) {
        why_set(why, "there is none of this name");
        return -1;
    }
    for (size_t i = 0; i < pairs->n; i++) /* as it is written there */
        if (strcasecmp(pairs->pair[i].name, name) == 0) name = pairs->pair[i].name;
    if (write_line(c, section, name, line, why) < 0) return -1;
    if (line)
        config_pair_put(pairs, name, line);
    else
        config_pair_drop(pairs, name);
    return 0;
}
