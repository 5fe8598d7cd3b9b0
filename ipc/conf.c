/*
 * conf.c - see conf.h. libinih takes lines apart; the reader that feeds it keeps the raw line and
 * its number, so that errors can point at the place. Values are conf_value.c's.
 */
#include "conf.h"

#include <assert.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <string.h>

#include "buf.h"
#include "conf_value.h"
#include "log.h"

enum { LINES_MAX = 10000 };

struct parse {
    const struct conf_key *table;
    size_t n;
    void *to;
    const struct conf_more *more; /* NULL: the table's sections alone */
    FILE *in;
    const char *label;
    unsigned line;
    char raw[CONF_LINE_LEN + 1];   /* the line in hand, without its end */
    unsigned first[CONF_MAX_KEYS]; /* line in which a row was set, 0 when it was not */
    unsigned first_more[CONF_MAX_KEYS]; /* the same in the section of conf_more in hand */
    bool failed;
    char *err;
    size_t size;
};

/* The line "hint: …" of a message, when there is one. */
static void put_hint(char *err, size_t size, const char *hint)
{
    if (*hint) conf_append(err, size, "\nhint: %s", hint);
}

/* Notes the first error of a parse, at a place in the raw line. Returns false. */
static bool parse_fail(struct parse *p, const char *at, const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static bool parse_fail(struct parse *p, const char *at, const char *hint, const char *fmt, ...)
{
    char what[CONF_WHAT_SIZE];
    if (p->failed) return false;
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    p->failed = true;
    p->err[0] = '\0';
    conf_append(p->err, p->size, "%s:%u:%td: %s", p->label, p->line, at - p->raw + 1, what);
    put_hint(p->err, p->size, hint);
    return false;
}

/* ---- finding rows ---- */

static const struct conf_key *find_key(const struct conf_key *table, size_t n, const char *section,
                                       const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(table[i].section, section) == 0 && strcmp(table[i].key, key) == 0)
            return &table[i];
    return NULL;
}

static bool find_section(const struct conf_key *table, size_t n, const char *section)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(table[i].section, section) == 0) return true;
    return false;
}

/* Appends the names with commas, each once when equal ones stand side by side. */
static void list_names(char *out, size_t size, const char *const *names, size_t n)
{
    const char *last = NULL;
    for (size_t i = 0; i < n; i++) {
        if (!names[i] || (last && strcmp(last, names[i]) == 0)) continue;
        conf_append(out, size, "%s%s", last ? ", " : "", names[i]);
        last = names[i];
    }
}

static void section_fault(const struct conf_key *table, size_t n, const char *section,
                          struct conf_fault *f)
{
    const char *names[CONF_MAX_KEYS];
    char shown[80];
    for (size_t i = 0; i < n; i++)
        names[i] = table[i].section;
    *f = (struct conf_fault){0};
    log_escape(shown, sizeof shown, section, strlen(section));
    conf_append(f->what, sizeof f->what, "unknown section [%s]", shown);
    const char *near = conf_nearest(section, names, n);
    if (near)
        conf_append(f->hint, sizeof f->hint, "did you mean [%s]?", near);
    else {
        conf_append(f->hint, sizeof f->hint, "sections are ");
        list_names(f->hint, sizeof f->hint, names, n);
    }
}

/* A key that is known in another section was meant for there; else the nearest one here. written: the section
 * as the file names it. */
static void key_fault(const struct conf_key *table, size_t n, const char *section, const char *written,
                      const char *key, struct conf_fault *f)
{
    const char *names[CONF_MAX_KEYS], *elsewhere = NULL;
    char shown[80];
    for (size_t i = 0; i < n; i++) {
        names[i] = strcmp(table[i].section, section) == 0 ? table[i].key : NULL;
        if (strcmp(table[i].key, key) == 0) elsewhere = table[i].section;
    }
    *f = (struct conf_fault){0};
    log_escape(shown, sizeof shown, key, strlen(key));
    if (*section)
        conf_append(f->what, sizeof f->what, "unknown key \"%s\" in [%s]", shown, written);
    else
        conf_append(f->what, sizeof f->what, "\"%s\" stands before any [section]", shown);
    const char *near = conf_nearest(key, names, n);
    if (elsewhere)
        conf_append(f->hint, sizeof f->hint, "\"%s\" belongs to [%s]", key, elsewhere);
    else if (near)
        conf_append(f->hint, sizeof f->hint, "did you mean \"%s\"?", near);
    else if (*section) {
        conf_append(f->hint, sizeof f->hint, "keys of [%s] are ", section);
        list_names(f->hint, sizeof f->hint, names, n);
    }
}

/* ---- reading lines ---- */

static const char *skip_blank(const char *s)
{
    return s + strspn(s, " \t");
}

/* A header is checked here, since inih says nothing of a section without keys. */
static bool check_header(struct parse *p, const char *at)
{
    struct conf_fault fault;
    char name[CONF_LINE_LEN + 1];
    size_t len = strcspn(at + 1, "]");
    const char *rest = at + 1 + len;
    if (*rest != ']') return parse_fail(p, rest, "", "\"[\" without \"]\"");
    rest = skip_blank(rest + 1);
    if (*rest && *rest != '#')
        return parse_fail(p, rest, "a key stands on a line of its own", "text after \"]\"");
    memcpy(name, at + 1, len);
    name[len] = '\0';
    void *to = p->to;
    if (find_section(p->table, p->n, name)) return true;
    memset(p->first_more, 0, sizeof p->first_more);
    if (p->more && p->more->section(p->more->arg, name, &to)) return true;
    section_fault(p->table, p->n, name, &fault);
    return parse_fail(p, at + 1, fault.hint, "%s", fault.what);
}

static bool check_line(struct parse *p)
{
    const char *at = skip_blank(p->raw);
    if (*at == '\0' || *at == '#') return true;
    if (*at == '[') return check_header(p, at);
    size_t len = strcspn(at, "=#");
    if (at[len] != '=' || len == 0)
        return parse_fail(p, at, "comments begin with #", "this is not \"key = value\"");
    return true;
}

/* The next line of the file into raw. False at its end, and after an error. */
static bool take_line(struct parse *p)
{
    size_t len = 0;
    int c = getc_unlocked(p->in);
    if (c == EOF) return false;
    if (++p->line > LINES_MAX) return parse_fail(p, p->raw, "", "more than %d lines", LINES_MAX);
    for (; c != EOF && c != '\n'; c = getc_unlocked(p->in)) {
        if (len == CONF_LINE_LEN)
            return parse_fail(p, p->raw + len, "", "the line is longer than %d bytes",
                              CONF_LINE_LEN);
        if ((c < 0x20 && c != '\t' && c != '\r') || c == 0x7f)
            return parse_fail(p, p->raw + len, "", "a control byte (0x%02x)", (unsigned)c);
        p->raw[len++] = (char)c;
    }
    if (len > 0 && p->raw[len - 1] == '\r') len--;
    p->raw[len] = '\0';
    if (p->line == 1 && strncmp(p->raw, "\xef\xbb\xbf", 3) == 0)
        memmove(p->raw, p->raw + 3, len - 2);
    const char *bare = strchr(p->raw, '\r');
    if (bare) return parse_fail(p, bare, "", "a control byte (0x0d)");
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Where the comment behind a value begins when rooms may stand in values: '#' alone. inih would see one in " #room". */
static size_t without_comment(const char *line)
{
    size_t i = 0;
    for (; line[i]; i++)
        if (line[i] == '#' && i > 0 && is_blank(line[i - 1]) && (is_blank(line[i + 1]) || !line[i + 1])) break;
    return i;
}

/* inih's reader: fgets with a memory. Blanks before a line would mean "goes on" to inih. */
static char *read_line(char *out, int size, void *arg)
{
    struct parse *p = arg;
    if (p->failed || !take_line(p) || !check_line(p)) return NULL;
    const char *line = skip_blank(p->raw);
    size_t len = p->more ? without_comment(line) : strlen(line);
    assert(size > 0 && len + 2 <= (size_t)size);
    memcpy(out, line, len);
    memcpy(out + len, "\n", 2);
    return out;
}

/* Sets a row of the table; section and to are what stands for the section as written. */
static bool take_key(struct parse *p, const char *section, void *to, const char *written, const char *key,
                     const char *value, const char *at, const char *mark)
{
    struct conf_fault fault;
    const struct conf_key *k = find_key(p->table, p->n, section, key);
    if (!k) {
        key_fault(p->table, p->n, section, written, key, &fault);
        return parse_fail(p, at, fault.hint, "%s", fault.what);
    }
    unsigned *first = &(section == written ? p->first : p->first_more)[k - p->table];
    if (*first)
        return parse_fail(p, at, "", "\"%s\" stands in [%s] twice, first in line %u", key, written, *first);
    *first = p->line;
    if (conf_value_set(k, to, value, &fault) &&
        (!p->more || !p->more->check || p->more->check(k, value, &fault)))
        return true;
    return parse_fail(p, skip_blank(mark + 1), fault.hint, "%s", fault.what);
}

/* inih's handler: 1 goes on, 0 stops. */
static int take_pair(void *arg, const char *section, const char *key, const char *value)
{
    struct parse *p = arg;
    struct conf_fault fault = {0};
    const char *at = skip_blank(p->raw);
    const char *mark = strpbrk(at, "=:"); /* inih would take either */
    if (*mark == ':') return parse_fail(p, mark, "write \"key = value\"", "\":\" instead of \"=\"");
    void *to = p->to;
    const char *stands_for = section;
    if (p->more && *section && !find_section(p->table, p->n, section))
        stands_for = p->more->section(p->more->arg, section, &to);
    assert(stands_for); /* the header was checked */
    if (*stands_for || !*section) return take_key(p, stands_for, to, section, key, value, at, mark);
    if (p->more->pair(p->more->arg, section, key, value, &fault)) return 1;
    return parse_fail(p, at, fault.hint, "%s", fault.what);
}

/* inih is set up by variables of the process. */
static void set_up_inih(bool rooms)
{
    ini_allow_multiline = false;
    ini_allow_inline_comments = !rooms;
    ini_allow_no_value = false;
    ini_stop_on_first_error = true;
    ini_start_comment_prefixes = "#";
    ini_inline_comment_prefixes = "#";
    ini_max_line = CONF_LINE_LEN + 8;
    ini_use_stack = true;
}

static const char *reason(int error)
{
    switch (error) {
    case ENOENT: return "there is no such file";
    case EISDIR: return "it is a folder";
    case EACCES: return "its permissions forbid it";
    default: return strerror(error);
    }
}

static int parse_stream(const struct conf_key *table, size_t n, void *to, const struct conf_more *more, FILE *in,
                        const char *label, char *err, size_t size)
{
    assert(n <= CONF_MAX_KEYS && size > 0);
    char shown[160];
    log_escape(shown, sizeof shown, label, strlen(label));
    struct parse p = {
        .table = table, .n = n, .to = to, .more = more, .in = in, .label = shown, .err = err, .size = size};
    set_up_inih(more != NULL);
    int rc = ini_parse_stream(read_line, &p, take_pair, &p);
    if (rc != 0) parse_fail(&p, p.raw, "", "this is not \"key = value\"");
    if (!p.failed && ferror(in)) {
        snprintf(err, size, "cannot read %s: %s", shown, reason(errno));
        return -1;
    }
    return p.failed ? -1 : 0;
}

int conf_parse_file(const struct conf_key *table, size_t n, void *to, const char *path, char *err,
                    size_t size)
{
    FILE *in = fopen(path, "re");
    if (!in) {
        char shown[160];
        int why = errno;
        log_escape(shown, sizeof shown, path, strlen(path));
        snprintf(err, size, "cannot open %s: %s", shown, reason(why));
        errno = why;
        return -1;
    }
    int rc = parse_stream(table, n, to, NULL, in, path, err, size);
    fclose(in);
    return rc;
}

int conf_parse_text(const struct conf_key *table, size_t n, void *to, const char *label,
                    const char *text, size_t len, char *err, size_t size)
{
    return conf_parse_more(table, n, to, NULL, label, text, len, err, size);
}

int conf_parse_more(const struct conf_key *table, size_t n, void *to, const struct conf_more *more, const char *label,
                    const char *text, size_t len, char *err, size_t size)
{
    if (len == 0) return 0;
    FILE *in = fmemopen((void *)(uintptr_t)text, len, "r"); /* reading alone, so const stays true */
    if (!in) fatal("cannot read %zu bytes of configuration: %s", len, strerror(errno));
    int rc = parse_stream(table, n, to, more, in, label, err, size);
    fclose(in);
    return rc;
}

/* ---- one assignment ---- */

/* Copies s[0..len) without blanks at its ends; false when it does not fit. */
static bool copy_trimmed(char *out, size_t size, const char *s, size_t len)
{
    while (len > 0 && (*s == ' ' || *s == '\t'))
        s++, len--;
    while (len > 0 && (s[len - 1] == ' ' || s[len - 1] == '\t'))
        len--;
    if (len >= size) return false;
    memcpy(out, s, len);
    out[len] = '\0';
    return true;
}

static bool assign(const struct conf_key *table, size_t n, void *to, const char *assignment,
                   struct conf_fault *fault)
{
    char section[64], key[64], value[CONF_LINE_LEN];
    const char *mark = strchr(assignment, '='), *dot = strchr(assignment, '.');
    *fault = (struct conf_fault){.what = "this is not section.key=value"};
    if (!mark || !dot || dot > mark) return false;
    if (!copy_trimmed(section, sizeof section, assignment, (size_t)(dot - assignment)) ||
        !copy_trimmed(key, sizeof key, dot + 1, (size_t)(mark - dot - 1)) ||
        !copy_trimmed(value, sizeof value, mark + 1, strlen(mark + 1))) {
        *fault = (struct conf_fault){.what = "it is too long"};
        return false;
    }
    const struct conf_key *k = find_key(table, n, section, key);
    if (k) return conf_value_set(k, to, value, fault);
    if (find_section(table, n, section))
        key_fault(table, n, section, section, key, fault);
    else
        section_fault(table, n, section, fault);
    return false;
}

int conf_set(const struct conf_key *table, size_t n, void *to, const char *assignment, char *err,
             size_t size)
{
    struct conf_fault fault;
    char shown[80];
    assert(n <= CONF_MAX_KEYS && size > 0);
    if (assign(table, n, to, assignment, &fault)) return 0;
    log_escape(shown, sizeof shown, assignment, strlen(assignment));
    snprintf(err, size, "%s: %s", shown, fault.what);
    put_hint(err, size, fault.hint);
    return -1;
}

/* ---- defaults and dumps ---- */

void conf_defaults(const struct conf_key *table, size_t n, void *to)
{
    struct conf_fault fault;
    assert(n <= CONF_MAX_KEYS);
    for (size_t i = 0; i < n; i++)
        if (!conf_value_set(&table[i], to, table[i].def, &fault))
            fatal("the default of %s.%s is wrong: %s", table[i].section, table[i].key, fault.what);
}

static bool new_section(const struct conf_key *table, size_t i)
{
    return i == 0 || strcmp(table[i].section, table[i - 1].section) != 0;
}

static void put_text(struct buf *out, const char *s)
{
    buf_put(out, s, strlen(s));
}

void conf_dump(const struct conf_key *table, size_t n, const void *from, struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        if (new_section(table, i)) {
            put_text(out, "[");
            put_text(out, table[i].section);
            put_text(out, "]\n");
        }
        put_text(out, table[i].key);
        put_text(out, " = ");
        conf_value_put(&table[i], from, out);
        put_text(out, "\n");
    }
}

void conf_print_defaults(const struct conf_key *table, size_t n, FILE *out)
{
    char range[160];
    for (size_t i = 0; i < n; i++) {
        if (new_section(table, i)) fprintf(out, "%s[%s]\n", i ? "\n" : "", table[i].section);
        conf_value_range(&table[i], range, sizeof range);
        fprintf(out, "# %s (%s)\n%s =%s%s\n", table[i].help, range, table[i].key,
                *table[i].def ? " " : "", table[i].def);
    }
}
